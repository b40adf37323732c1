"""Metrics: sum, avg, min, max, stats, value_count, cardinality, percentiles."""

from __future__ import annotations

import math
from typing import Any

from response_site.search.documents import Value
from response_site.search.tantivy_engine.aggregations.run import Result, Rows, Run
from response_site.search.tantivy_engine.aggregations.values import date_text, java_double, metric

_DEFAULT_PERCENTS = (1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0)


def sum_(run: Run, options: dict[str, Any], rows: Rows, _subs: dict[str, Any]) -> Result:
    """The sum, 0.0 of nothing."""
    return _metric(run, options, math.fsum(_numbers(run, options, rows)))


def avg(run: Run, options: dict[str, Any], rows: Rows, _subs: dict[str, Any]) -> Result:
    """The mean, null of nothing."""
    numbers = _numbers(run, options, rows)
    return _metric(run, options, math.fsum(numbers) / len(numbers) if numbers else None)


def min_(run: Run, options: dict[str, Any], rows: Rows, _subs: dict[str, Any]) -> Result:
    """The least value, null of nothing."""
    return _metric(run, options, min(_numbers(run, options, rows), default=None))


def max_(run: Run, options: dict[str, Any], rows: Rows, _subs: dict[str, Any]) -> Result:
    """The greatest value, null of nothing."""
    return _metric(run, options, max(_numbers(run, options, rows), default=None))


def stats(run: Run, options: dict[str, Any], rows: Rows, _subs: dict[str, Any]) -> Result:
    """Count, min, max, avg and sum at once."""
    numbers = _numbers(run, options, rows)
    if not numbers:
        return {"count": 0, "min": None, "max": None, "avg": None, "sum": 0.0}
    total = math.fsum(numbers)
    found: Result = {
        "count": len(numbers),
        "min": min(numbers),
        "max": max(numbers),
        "avg": total / len(numbers),
        "sum": total,
    }
    if run.snapshot.schema.fields[options["field"]].is_date:
        for name in ("min", "max", "avg", "sum"):
            found[f"{name}_as_string"] = date_text(math.trunc(found[name]))
    return found


def value_count(run: Run, options: dict[str, Any], rows: Rows, _subs: dict[str, Any]) -> Result:
    """How many values there are; a document may hold several."""
    column = run.column(options)
    return {"value": sum(len(column[row]) for row in rows)}


def cardinality(run: Run, options: dict[str, Any], rows: Rows, _subs: dict[str, Any]) -> Result:
    """How many distinct values there are: exact, where Elasticsearch estimates."""
    return {"value": len(set(_values(run, options, rows)))}


def percentiles(run: Run, options: dict[str, Any], rows: Rows, _subs: dict[str, Any]) -> Result:
    """Values at given shares of the ranked values, interpolated between neighbours (Hyndman and Fan 1996,
    definition 7): exact, and what Elasticsearch says as long as it estimates nothing."""
    field = run.snapshot.schema.fields[options["field"]]
    ranked = sorted(_numbers(run, options, rows))
    percents = [float(percent) for percent in options.get("percents", _DEFAULT_PERCENTS)]
    found = [(percent, _quantile(ranked, percent / 100)) for percent in percents]
    if not options.get("keyed", True):
        return {"values": [{"key": percent, **metric(field, value)} for percent, value in found]}
    values: Result = {}
    for percent, value in found:
        values.update(metric(field, value, prefix=java_double(percent)))
    return {"values": values}


def _quantile(ranked: list[float], share: float) -> float | None:
    if not ranked:
        return None
    place = share * (len(ranked) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ranked) - 1)
    return ranked[below] + (ranked[above] - ranked[below]) * (place - below)


def _values(run: Run, options: dict[str, Any], rows: Rows) -> list[Value]:
    column = run.column(options)
    return [value for row in rows for value in column[row]]


def _numbers(run: Run, options: dict[str, Any], rows: Rows) -> list[float]:
    return [float(value) for value in _values(run, options, rows)]


def _metric(run: Run, options: dict[str, Any], value: float | None) -> Result:
    return metric(run.snapshot.schema.fields[options["field"]], value)
