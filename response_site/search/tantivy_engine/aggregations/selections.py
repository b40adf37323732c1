"""Buckets by condition: ranges of numbers and dates, filters, documents without a value, and the hits in a bucket."""

from __future__ import annotations

import math
from typing import Any

from common_apps.queries.language.dates import parse_date_millis
from response_site.search.tantivy_engine.aggregations.run import Result, Rows, Run
from response_site.search.tantivy_engine.aggregations.values import date_text, java_double
from response_site.search.tantivy_engine.snapshot import Column


def range_(run: Run, options: dict[str, Any], rows: Rows, subs: dict[str, Any]) -> Result:
    """One bucket a range ``[from, to)`` of numbers."""
    edges = [
        (
            given.get("key"),
            None if given.get("from") is None else float(given["from"]),
            None if given.get("to") is None else float(given["to"]),
        )
        for given in options["ranges"]
    ]
    return _ranges(run, options, rows, subs, edges, java_double, with_text=False)


def date_range(run: Run, options: dict[str, Any], rows: Rows, subs: dict[str, Any]) -> Result:
    """One bucket a range ``[from, to)`` of moments."""
    edges = [
        (
            given.get("key"),
            None if given.get("from") is None else float(parse_date_millis(given["from"])),
            None if given.get("to") is None else float(parse_date_millis(given["to"])),
        )
        for given in options["ranges"]
    ]
    return _ranges(run, options, rows, subs, edges, lambda edge: date_text(int(edge)), with_text=True)


def _ranges(
    run: Run,
    options: dict[str, Any],
    rows: Rows,
    subs: dict[str, Any],
    edges: list[tuple[str | None, float | None, float | None]],
    text: Any,
    *,
    with_text: bool,
) -> Result:
    column = run.column(options)
    edges = sorted(edges, key=lambda edge: (_or(edge[1], -math.inf), _or(edge[2], math.inf)))
    found: list[tuple[str, Result]] = []
    for name, start, end in edges:
        key = name or f"{'*' if start is None else text(start)}-{'*' if end is None else text(end)}"
        head: Result = {} if options.get("keyed") else {"key": key}
        for label, edge in (("from", start), ("to", end)):
            if edge is not None:
                head[label] = edge
                if with_text:
                    head[f"{label}_as_string"] = text(edge)
        low, high = _or(start, -math.inf), _or(end, math.inf)
        inside = _within(column, rows, low, high)
        found.append((key, run.bucket(head, inside, subs)))
    if options.get("keyed"):
        return {"buckets": dict(found)}
    return {"buckets": [bucket for _, bucket in found]}


def _within(column: Column, rows: Rows, low: float, high: float) -> list[int]:
    """The rows with a value in ``[low, high)``; numbers alone have ranges."""
    found = []
    for row in rows:
        values: Any = column[row]
        if len(values) == 1:
            if low <= values[0] < high:
                found.append(row)
        elif any(low <= value < high for value in values):
            found.append(row)
    return found


def _or(edge: float | None, otherwise: float) -> float:
    return otherwise if edge is None else edge


def filter_(run: Run, options: dict[str, Any], rows: Rows, subs: dict[str, Any]) -> Result:
    """The documents that a clause matches."""
    matching = run.rows_of(options)
    return _single(run, [row for row in rows if row in matching], subs)


def filters(run: Run, options: dict[str, Any], rows: Rows, subs: dict[str, Any]) -> Result:
    """One bucket a clause, and with other_bucket_key one for what none of them matches."""
    given = options["filters"]
    named = list(given.items()) if isinstance(given, dict) else [(None, clause) for clause in given]
    other_key = options.get("other_bucket_key")
    rest = set(rows)
    found: list[tuple[str | None, Result]] = []
    for name, clause in named:
        matching = run.rows_of(clause)
        inside = [row for row in rows if row in matching]
        rest.difference_update(inside)
        found.append((name, run.bucket({}, inside, subs)))
    if other_key is not None:
        found.append((other_key, run.bucket({}, sorted(rest), subs)))
    if isinstance(given, dict):
        return {"buckets": {str(name): bucket for name, bucket in found}}
    return {"buckets": [bucket for _, bucket in found]}


def missing(run: Run, options: dict[str, Any], rows: Rows, subs: dict[str, Any]) -> Result:
    """The documents without a value in the field."""
    column = run.column(options)
    return _single(run, [row for row in rows if not column[row]], subs)


def top_hits(run: Run, options: dict[str, Any], rows: Rows, _subs: dict[str, Any]) -> Result:
    """The first documents of a bucket."""
    return {"hits": run.top(options, rows)}


def _single(run: Run, rows: Rows, subs: dict[str, Any]) -> Result:
    return {"doc_count": len(rows), **run.aggregate(subs, rows)}
