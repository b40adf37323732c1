"""Reads a tree of aggregations into the normal form."""

from __future__ import annotations

import re
from typing import Any

from common_apps.queries.language.aggregation_options import (
    FIELD_AGGREGATIONS,
    SINGLE_METRICS,
    STATS,
    FieldAggregation,
)
from common_apps.queries.language.clauses import Clause, read_clause
from common_apps.queries.language.errors import quoted, suggestion
from common_apps.queries.language.limits import LIMITS
from common_apps.queries.language.options import Option, integer, read_list, read_object, read_options, text
from common_apps.queries.language.presentation import check_window, read_sort, read_source
from common_apps.queries.language.walk import Place, type_name

Json = Any
Aggregations = dict[str, Json]

AGGREGATIONS = (*FIELD_AGGREGATIONS, "filter", "filters", "top_hits")
SPELLINGS = ("aggs", "aggregations")
TOP_HITS_SIZE = integer(1, LIMITS.top_hits, 3)
TOP_HITS_FROM = integer(0, LIMITS.top_hits_window, 0)
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_BENEATH = {
    "filter": True,
    "filters": True,
    "top_hits": False,
    **{kind: aggregation.beneath for kind, aggregation in FIELD_AGGREGATIONS.items()},
}


def read_aggregations(place: Place, parent: dict[str, Json], depth: int = 1) -> Aggregations:
    """What stands under ``aggs`` (or ``aggregations``) of ``parent``, at ``place``; ``{}`` where nothing does."""
    spelled = [key for key in SPELLINGS if key in parent]
    if not spelled:
        return {}
    if len(spelled) > 1:
        (place / "aggregations").fault("conflict", "'aggs' and 'aggregations' are one thing: give one of them")
    at, value = place / spelled[0], parent[spelled[0]]
    if not isinstance(value, dict):
        at.fault("wrong_type", f"aggregations are an object of name: aggregation, not {type_name(value)}")
        return {}
    if value and depth > LIMITS.aggregation_depth:
        at.fault("too_deep", f"aggregations lie at most {LIMITS.aggregation_depth} deep")
        return {}
    normal: Aggregations = {}
    for name, aggregation in value.items():
        place.walk.aggregations += 1
        if place.walk.aggregations > LIMITS.aggregations:
            if place.walk.aggregations == LIMITS.aggregations + 1:
                (at / name).fault("too_many", f"a request has at most {LIMITS.aggregations} aggregations")
            return normal
        if _NAME.fullmatch(name) is None:
            (at / name).fault("invalid_value", "an aggregation's name is 1 to 64 of the characters A-Z a-z 0-9 _ -")
        read = _read_one(at / name, aggregation, depth)
        if read is not None:
            normal[name] = read
    return normal


def _read_one(place: Place, value: object, depth: int) -> Aggregations | None:
    if not isinstance(value, dict) or not value:
        place.fault(
            "wrong_type" if value != {} else "empty",
            f"an aggregation is an object such as {{'sum': {{'field': ...}}}}, not {type_name(value)}",
        )
        return None
    kinds = [key for key in value if key not in SPELLINGS]
    unknown = [key for key in kinds if key not in AGGREGATIONS]
    for key in unknown:
        (place / key).fault("unknown_aggregation", f"no aggregation {quoted(key)}{suggestion(key, AGGREGATIONS)}")
    if unknown:
        return None
    if len(kinds) != 1:
        found = f"{len(kinds)} ({', '.join(quoted(kind) for kind in kinds[:3])})" if kinds else "none"
        place.fault("conflict" if kinds else "required", f"an aggregation has one kind beside 'aggs', not {found}")
        return None
    [kind] = kinds
    if not _BENEATH[kind]:
        for key in SPELLINGS:
            if value.get(key, {}) != {}:
                (place / key).fault("not_allowed", f"{quoted(kind)} makes no buckets: nothing can lie beneath it")
        return {kind: _read_body(place / kind, kind, value[kind])}
    normal: Aggregations = {kind: _read_body(place / kind, kind, value[kind])}
    beneath = read_aggregations(place, value, depth + 1)
    if beneath:
        normal["aggs"] = beneath
    _check_order(place / kind / "order", normal[kind].get("order", []), value, beneath)
    return normal


def _read_body(place: Place, kind: str, body: object) -> dict[str, Json]:
    if kind == "filter":
        return read_clause(place, body) or {}
    if kind == "filters":
        return _read_filters(place, body)
    if kind == "top_hits":
        return _read_top_hits(place, body)
    return _read_over_field(place, kind, FIELD_AGGREGATIONS[kind], body)


def _read_over_field(place: Place, kind: str, aggregation: FieldAggregation, body: object) -> dict[str, Json]:
    what = quoted(kind)
    found = read_object(place, body, ("field", *aggregation.options), what)
    if found is None:
        return {}
    field = None
    if "field" in found:
        field = (place / "field").find_field(found["field"], aggregation.families, what)
    else:
        (place / "field").fault("required", f"{what} needs 'field'")
    options = {key: value for key, value in found.items() if key in aggregation.options}
    place = place.on(field)
    normal = read_options(place, options, aggregation.options, what, aggregation.required)
    aggregation.finish(place, options, normal)
    return {"field": field.name, **normal} if field else normal


def _read_filters(place: Place, body: object) -> dict[str, Json]:
    options = {"filters": Option(_read_filter_list, {}), "other_bucket_key": text(nonempty=True)}
    normal = read_options(place, body, options, "'filters'", ["filters"])
    filters, other = normal.get("filters"), normal.get("other_bucket_key")
    if isinstance(filters, dict) and other in filters:
        (place / "other_bucket_key").fault("conflict", f"{quoted(other)} is the name of a filter already")
    return normal


def _read_filter_list(place: Place, value: object) -> dict[str, Clause] | list[Clause] | None:
    if not isinstance(value, dict):
        clauses = read_list(place, value, LIMITS.filters, "'filters'", least=1) or []
        read = [read_clause(place / index, clause) for index, clause in enumerate(clauses)]
        return [clause for clause in read if clause is not None]
    if not 1 <= len(value) <= LIMITS.filters:
        place.fault("too_many" if value else "empty", f"'filters' are 1 to {LIMITS.filters} clauses, not {len(value)}")
        return None
    named: dict[str, Clause] = {}
    key = text(nonempty=True)
    for name, clause in value.items():
        checked = read_clause(place / name, clause)
        if key.check(place / name, name) is not None and checked is not None:
            named[name] = checked
    return named


def _read_top_hits(place: Place, body: object) -> dict[str, Json]:
    options = {
        "size": TOP_HITS_SIZE,
        "from": TOP_HITS_FROM,
        "sort": Option(lambda at, value: list(read_sort(at, value)), {}, []),
        "_source": Option(read_source, {}, True),
    }
    normal = read_options(place, body, options, "'top_hits'")
    check_window(place, normal.get("size", 3), normal.get("from", 0), LIMITS.top_hits_window)
    return normal


def _check_order(place: Place, orders: list[dict[str, str]], given: dict[str, Json], beneath: Aggregations) -> None:
    """A terms aggregation is ordered by its count, its key, or a metric that stands right beneath it."""
    sent: dict[str, Json] = next((given[key] for key in SPELLINGS if isinstance(given.get(key), dict)), {})
    paths = [
        path
        for name, aggregation in beneath.items()
        for kind in aggregation
        for path in ([name] if kind in SINGLE_METRICS else [f"{name}.{part}" for part in STATS if kind == "stats"])
    ]
    for [path] in orders:
        name = path.partition(".")[0]
        if path in ("_count", "_key", *paths) or (name in sent and name not in beneath):
            continue  # what is wrong with an aggregation that couldn't be read has been said
        place.fault("invalid_value", f"no order {quoted(path)}{suggestion(path, ['_count', '_key', *paths])}")
