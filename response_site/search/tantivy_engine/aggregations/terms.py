"""Buckets by distinct value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from response_site.search.documents import Value
from response_site.search.tantivy_engine.aggregations.run import Result, Rows, Run, group
from response_site.search.tantivy_engine.aggregations.values import key_head

_DEFAULT_SIZE = 10


def terms(run: Run, options: dict[str, Any], rows: Rows, subs: dict[str, Any]) -> Result:
    """The first ``size`` values by ``order``, each with the documents that hold it."""
    name = options["field"]
    column = run.column(options)
    groups = group(column, rows)
    least = options.get("min_doc_count", 1)
    if least == 0:
        for values in column:
            for value in values:
                groups.setdefault(value, [])
    wanted = _wanted(run, name, options)
    found = [(value, inside) for value, inside in groups.items() if len(inside) >= least and wanted(value)]
    _sort(run, found, options.get("order"), subs)
    kept = found[: options.get("size", _DEFAULT_SIZE)]
    field = run.snapshot.schema.fields[name]
    return {
        "doc_count_error_upper_bound": 0,
        "sum_other_doc_count": sum(len(inside) for _, inside in found[len(kept) :]),
        "buckets": [run.bucket(key_head(field, value), inside, subs) for value, inside in kept],
    }


def _wanted(run: Run, name: str, options: dict[str, Any]) -> Any:
    include, exclude = (
        None if options.get(key) is None else {run.value(name, value) for value in options[key]}
        for key in ("include", "exclude")
    )

    def wanted(value: Value) -> bool:
        return (include is None or value in include) and (exclude is None or value not in exclude)

    return wanted


def _sort(run: Run, found: list[tuple[Value, list[int]]], order: Any, subs: dict[str, Any]) -> None:
    """Sort in place. The last criterion first: Python's sort keeps what is equal in its order."""
    found.sort(key=lambda pair: pair[0])
    for path, direction in reversed(list(_criteria(order))):
        falling = direction == "desc"
        if path == "_key":
            found.sort(key=lambda pair: pair[0], reverse=falling)
        elif path == "_count":
            found.sort(key=lambda pair: len(pair[1]), reverse=falling)
        else:
            metrics = {pair[0]: _metric_beneath(run, path, pair[1], subs) for pair in found}
            found.sort(key=lambda pair: _rank(metrics[pair[0]], falling))


def _criteria(order: Any) -> Iterator[tuple[str, str]]:
    for criterion in order or [{"_count": "desc"}]:
        yield from criterion.items()


def _metric_beneath(run: Run, path: str, rows: Rows, subs: dict[str, Any]) -> float | None:
    """A metric by its path: ``total`` or, of stats, ``figures.max``."""
    name, _, part = path.partition(".")
    found = run.one(subs[name], rows)[part or "value"]
    return None if found is None else float(found)


def _rank(value: float | None, falling: bool) -> tuple[bool, float]:
    # No value comes last in either direction.
    return (value is None, 0.0 if value is None else (-value if falling else value))
