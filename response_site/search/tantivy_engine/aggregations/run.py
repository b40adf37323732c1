"""One search's aggregations: what they share (rows, columns, budget, deadline) and how a level of them is computed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from response_site.search.documents import Value
from response_site.search.engine import (
    ENGINE_ERROR,
    MAX_BUCKETS,
    QUERY_TIMEOUT,
    EngineFailure,
    QueryFailedError,
    too_many_buckets,
)
from response_site.search.tantivy_engine.aggregations.values import typed
from response_site.search.tantivy_engine.snapshot import Column, Snapshot

Rows = Sequence[int]
Result = dict[str, Any]
# (run, options, rows, the aggregations beneath) -> the result
Kind = Callable[["Run", dict[str, Any], Rows, dict[str, Any]], Result]
# Rows between two looks at the clock.
_CHECK_EVERY = 200


@dataclass
class Run:
    """``kinds``: how each aggregation is computed. ``rows_of``: the rows that a filter clause matches. ``top``: the
    hits of top_hits among some rows. ``deadline`` is in seconds of time.monotonic().
    """

    snapshot: Snapshot
    kinds: dict[str, Kind]
    rows_of: Callable[[dict[str, Any]], frozenset[int]]
    top: Callable[[dict[str, Any], Rows], Result]
    deadline: float
    buckets: int = 0
    _ticks: int = 0
    _padded: dict[tuple[str, Any], Column] = field(default_factory=dict)

    def column(self, options: dict[str, Any]) -> Column:
        """The values of an aggregation's field by row, ``missing`` standing in where there are none."""
        name = options["field"]
        column = self.snapshot.column(name)
        if options.get("missing") is None:
            return column
        instead = self.value(name, options["missing"])
        key = (name, instead)
        if key not in self._padded:
            self._padded[key] = [values or (instead,) for values in column]
        return self._padded[key]

    def value(self, name: str, given: Any) -> Value:
        """A value that a request gives for a field, as its column holds it."""
        return typed(self.snapshot.schema.fields[name], given)

    def bucket(self, head: Result, rows: Rows, subs: dict[str, Any]) -> Result:
        """One bucket with what lies beneath it. Raises QueryFailedError when there are too many."""
        self.reserve(1)
        return {**head, "doc_count": len(rows), **self.aggregate(subs, rows)}

    def aggregate(self, specs: dict[str, Any], rows: Rows) -> Result:
        """``{NAME: result}`` of every aggregation of one level over ``rows``, which are in rising order."""
        return {name: self.one(spec, rows) for name, spec in specs.items()}

    def one(self, spec: dict[str, Any], rows: Rows) -> Result:
        """The result of one aggregation."""
        ((kind, options),) = ((key, value) for key, value in spec.items() if key != "aggs")
        compute = self.kinds.get(kind)
        if compute is None:
            raise QueryFailedError(
                EngineFailure(ENGINE_ERROR, f'The aggregation "{kind}" is unknown.', retryable=False)
            )
        self.tick()
        return compute(self, options, rows, spec.get("aggs", {}))

    def reserve(self, count: int) -> None:
        """Take ``count`` buckets of the answer's budget, and look at the clock now and then."""
        self.buckets += count
        if self.buckets > MAX_BUCKETS:
            raise QueryFailedError(too_many_buckets())
        self.tick()

    def refuse_more_than_left(self, count: int) -> None:
        """Raise before ``count`` buckets are made that could not all be in the answer."""
        if self.buckets + count > MAX_BUCKETS:
            raise QueryFailedError(too_many_buckets())

    def tick(self) -> None:
        """Raise QueryFailedError when the search's time is up."""
        self._ticks += 1
        if self._ticks % _CHECK_EVERY == 1 and time.monotonic() > self.deadline:
            raise QueryFailedError(timed_out())


def timed_out() -> EngineFailure:
    """The end of a search whose time is up."""
    return EngineFailure(QUERY_TIMEOUT, "The search took longer than it may.", retryable=True)


def group(column: Column, rows: Iterable[int]) -> dict[Value, list[int]]:
    """Rows by value; a row with several values is in several groups, once in each."""
    groups: dict[Value, list[int]] = {}
    for row in rows:
        values = column[row]
        if len(values) == 1:
            groups.setdefault(values[0], []).append(row)
        else:
            for value in set(values):
                groups.setdefault(value, []).append(row)
    return groups
