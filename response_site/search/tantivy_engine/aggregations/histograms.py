"""Buckets of equal width: histogram over numbers, date_histogram over time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from common_apps.queries.language.dates import parse_date_millis
from response_site.search.tantivy_engine.aggregations.rounding import Rounding
from response_site.search.tantivy_engine.aggregations.run import Result, Rows, Run
from response_site.search.tantivy_engine.aggregations.values import date_text, java_double


def histogram(run: Run, options: dict[str, Any], rows: Rows, subs: dict[str, Any]) -> Result:
    """Buckets ``interval`` wide from ``offset`` on; the empty ones between, unless min_doc_count says otherwise."""
    interval, offset = float(options["interval"]), float(options.get("offset", 0))

    def number_of(value: Any) -> int:
        return math.floor((value - offset) / interval)

    groups = _grouped(run, options, rows, number_of)
    bounds = options.get("extended_bounds", {})
    edges = [number_of(float(bounds[edge])) for edge in ("min", "max") if edge in bounds]
    numbers = _between(run, options, groups, edges, lambda number: number + 1)
    found = []
    for number in numbers:
        key = number * interval + offset
        found.append((java_double(key), run.bucket({"key": key}, groups.get(number, ()), subs)))
    return _listed(options, found)


def date_histogram(run: Run, options: dict[str, Any], rows: Rows, subs: dict[str, Any]) -> Result:
    """Buckets of a calendar's unit, or of a fixed length, in the wall time of ``time_zone``."""
    rounding = Rounding(options)
    groups = _grouped(run, options, rows, rounding.start)
    bounds = options.get("extended_bounds", {})
    edges = [rounding.edge(parse_date_millis(bounds[edge])) for edge in ("min", "max") if edge in bounds]
    found = []
    for key in _between(run, options, groups, edges, rounding.next):
        text = date_text(key, zone=rounding.zone, pattern=options.get("format"))
        found.append((text, run.bucket({"key_as_string": text, "key": key}, groups.get(key, ()), subs)))
    return _listed(options, found)


def _grouped(run: Run, options: dict[str, Any], rows: Rows, key_of: Callable[[Any], int]) -> dict[int, list[int]]:
    column = run.column(options)
    groups: dict[int, list[int]] = {}
    for row in rows:
        values = column[row]
        keys = {key_of(value) for value in values} if len(values) > 1 else map(key_of, values)
        for key in keys:
            groups.setdefault(key, []).append(row)
    return groups


def _between(
    run: Run,
    options: dict[str, Any],
    groups: dict[int, list[int]],
    edges: list[int],
    following: Callable[[int], int],
) -> list[int]:
    """The keys to show, rising: those with enough documents, and with min_doc_count 0 all between the outermost."""
    least = options.get("min_doc_count", 0)
    if least > 0:
        keys = sorted(key for key, inside in groups.items() if len(inside) >= least)
        run.refuse_more_than_left(len(keys))
        return keys
    if not groups and not edges:
        return []
    key, last = min([*groups, *edges]), max([*groups, *edges])
    keys = [key]
    while key < last:
        run.refuse_more_than_left(len(keys))
        key = following(key)
        keys.append(key)
    return keys


def _listed(options: dict[str, Any], found: list[tuple[str, Result]]) -> Result:
    if options.get("keyed"):
        return {"buckets": dict(found)}
    return {"buckets": [bucket for _, bucket in found]}
