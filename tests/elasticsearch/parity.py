"""Compares what two engines answer: sets of ids, exact totals and buckets; estimates within 5 %; never scores."""

from __future__ import annotations

import math
from typing import Any

from response_site.search.engine import EngineFailure

Json = Any
TOLERANCE = 0.05


def differences(request: Any, one: Any, other: Any) -> list[str]:
    """Where two answers to one request differ beyond what they may; an empty list when they agree."""
    if isinstance(one, EngineFailure) or isinstance(other, EngineFailure):
        codes = [getattr(answer, "code", "answer") for answer in (one, other)]
        return [] if codes[0] == codes[1] else [f"outcome: {codes[0]} | {codes[1]} ({one} | {other})"[:400]]
    found: list[str] = []
    _compare_hits(one["hits"], other["hits"], "hits", _is_ordered(request.sort), found)
    _compare_aggs(request.aggs, one.get("aggregations", {}), other.get("aggregations", {}), "aggs", found)
    return found


def _is_ordered(sort: Any) -> bool:
    return bool(sort) and not any("_score" in criterion for criterion in sort)


def _compare_hits(one: Json, other: Json, at: str, ordered: bool, found: list[str]) -> None:
    if one["total"] != other["total"]:
        found.append(f"{at}.total: {one['total']} | {other['total']}")
        return
    if len(one["hits"]) != len(other["hits"]):
        found.append(f"{at}.hits: {len(one['hits'])} | {len(other['hits'])} of them")
        return
    # Scores decide which hits are on a page unless the page shows all, or a sort decides.
    whole = len(one["hits"]) == one["total"]["value"]
    if ordered:
        for place, (left, right) in enumerate(zip(one["hits"], other["hits"], strict=True)):
            for key in ("_id", "sort", "_source", "_score"):
                if left.get(key) != right.get(key):
                    found.append(f"{at}[{place}].{key}: {left.get(key)} | {right.get(key)}")
                    return
    elif whole:
        sources = [{hit["_id"]: hit.get("_source") for hit in hits["hits"]} for hits in (one, other)]
        if sources[0] != sources[1]:
            found.append(f"{at}: ids or sources differ: {sorted(sources[0].keys() ^ sources[1].keys())[:5]}")


def _compare_aggs(specs: Json, one: Json, other: Json, at: str, found: list[str]) -> None:
    if one.keys() != other.keys():
        found.append(f"{at}: names {list(one)} | {list(other)}")
        return
    for name, spec in specs.items():
        ((kind, options),) = ((key, value) for key, value in spec.items() if key != "aggs")
        _compare_agg(kind, options, spec.get("aggs", {}), one[name], other[name], f"{at}.{name}({kind})", found)


def _compare_agg(kind: str, options: Json, subs: Json, one: Json, other: Json, at: str, found: list[str]) -> None:
    if kind == "top_hits":
        _compare_hits(one["hits"], other["hits"], at, _is_ordered(options.get("sort")), found)
        return
    if kind in ("percentiles", "cardinality"):
        _compare_values(one, other, at, TOLERANCE, found)
        return
    if "buckets" not in one:
        _compare_bucket(subs, one, other, at, found)
        return
    left, right = one["buckets"], other["buckets"]
    if {key: one[key] for key in one if key != "buckets"} != {key: other[key] for key in other if key != "buckets"}:
        found.append(f"{at}: {dict(one, buckets=...)} | {dict(other, buckets=...)}")
    if isinstance(left, dict) and isinstance(right, dict):
        if left.keys() != right.keys():
            found.append(f"{at}: keys {list(left)[:8]} | {list(right)[:8]}")
            return
        pairs = [(key, left[key], right[key]) for key in left]
    else:
        if len(left) != len(right):
            found.append(f"{at}: {len(left)} | {len(right)} buckets")
            return
        pairs = [(place, *pair) for place, pair in enumerate(zip(left, right, strict=True))]
    for label, left_bucket, right_bucket in pairs:
        _compare_bucket(subs, left_bucket, right_bucket, f"{at}[{label}]", found)
        if found:
            return


def _compare_bucket(subs: Json, one: Json, other: Json, at: str, found: list[str]) -> None:
    own = [{key: value for key, value in bucket.items() if key not in subs} for bucket in (one, other)]
    _compare_values(own[0], own[1], at, 1e-9, found)
    if not found:
        _compare_aggs(
            subs,
            {key: one[key] for key in subs if key in one},
            {key: other[key] for key in subs if key in other},
            at,
            found,
        )


def _compare_values(one: Json, other: Json, at: str, tolerance: float, found: list[str]) -> None:
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            found.append(f"{at}: {one} | {other}"[:500])
            return
        for key in one:
            if tolerance == TOLERANCE and key.endswith("_as_string"):
                continue  # the text of an estimated date
            _compare_values(one[key], other[key], f"{at}.{key}", tolerance, found)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for place, (left, right) in enumerate(zip(one, other, strict=True)):
            _compare_values(left, right, f"{at}[{place}]", tolerance, found)
    elif isinstance(one, int | float) and isinstance(other, int | float):
        if not math.isclose(one, other, rel_tol=tolerance):
            found.append(f"{at}: {one} | {other}")
    elif one != other:
        found.append(f"{at}: {one} | {other}"[:300])
