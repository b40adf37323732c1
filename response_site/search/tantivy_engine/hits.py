"""The documents of an answer: which, in what order, how they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import tantivy

from response_site.search.documents import shortest
from response_site.search.mapping import Field
from response_site.search.source_filter import filter_source
from response_site.search.tantivy_engine.snapshot import Snapshot

Sort = Sequence[dict[str, dict[str, str]]]
Source = bool | dict[str, list[str]]
_SCORE = "_score"
_LONG_MIN, _LONG_MAX = -(1 << 63), (1 << 63) - 1
_TOP_HITS_SIZE = 3


class Hits:
    """The documents that one query matches. What is costly (all rows, all scores) is found when first asked for."""

    def __init__(self, snapshot: Snapshot, query: tantivy.Query, index: str) -> None:
        self._snapshot = snapshot
        self._query = query
        self._index = index
        self._found: dict[int, tantivy.DocAddress] | None = None
        self._scores: dict[int, float] | None = None

    @property
    def rows(self) -> list[int]:
        """Every matching row, rising."""
        return list(self._addresses())

    def page(self, *, size: int, from_: int, sort: Sort, source: Source) -> dict[str, Any]:
        """``hits`` of a search response."""
        if sort:
            return self._sorted(self.rows, size, from_, sort, source)
        total, found = self._snapshot.best(self._query, from_ + size if size else 0)
        shown = [self._shown(address, score, source) for score, address in found[from_:]]
        return _hits(total, found[0][0] if found else None, shown)

    def top(self, options: dict[str, Any], rows: Sequence[int]) -> dict[str, Any]:
        """``hits`` of top_hits over some of the matching rows."""
        size, from_ = options.get("size", _TOP_HITS_SIZE), options.get("from", 0)
        source = options.get("_source", True)
        if options.get("sort"):
            return self._sorted(rows, size, from_, options["sort"], source)
        scores = self._all_scores()
        best = sorted(rows, key=lambda row: (-scores[row], row))
        shown = [self._shown(self._addresses()[row], scores[row], source) for row in best[from_ : from_ + size]]
        return _hits(len(rows), scores[best[0]] if best else None, shown)

    def _sorted(self, rows: Sequence[int], size: int, from_: int, sort: Sort, source: Source) -> dict[str, Any]:
        scored = any(_SCORE in criterion for criterion in sort)
        scores = self._all_scores() if scored else {}
        best = list(rows)
        # The last criterion first: a stable sort keeps what is equal in its order, at the end that of the rows.
        for criterion in reversed(sort):
            ((name, options),) = criterion.items()
            falling = options.get("order", "desc" if name == _SCORE else "asc") == "desc"
            if name == _SCORE:
                best.sort(key=scores.__getitem__, reverse=falling)
            else:
                missing_first = options.get("missing", "_last") == "_first"
                ranks = self._snapshot.ranks(name, falling=falling, missing_first=missing_first)
                best.sort(key=ranks.__getitem__)
        shown = []
        for row in best[from_ : from_ + size]:
            hit = self._shown(self._addresses()[row], scores.get(row), source)
            hit["sort"] = [self._sort_value(row, criterion, scores) for criterion in sort]
            shown.append(hit)
        top = max((scores[row] for row in rows), default=None) if scored and size else None
        return _hits(len(rows), top, shown)

    def _sort_value(self, row: int, criterion: dict[str, dict[str, str]], scores: dict[int, float]) -> Any:
        ((name, options),) = criterion.items()
        if name == _SCORE:
            return scores[row]
        values = self._snapshot.column(name)[row]
        falling = options.get("order", "asc") == "desc"
        if values:
            value = values[-1 if falling else 0]
            return shortest(value) if self._snapshot.schema.fields[name].is_narrow else value
        at_the_top = (options.get("missing", "_last") == "_last") is not falling
        return _stand_in(self._snapshot.schema.fields[name], at_the_top)

    def _shown(self, address: tantivy.DocAddress, score: float | None, source: Source) -> dict[str, Any]:
        document_id, raw = self._snapshot.stored(address)
        hit: dict[str, Any] = {"_index": self._index, "_id": document_id, "_score": score}
        if source is True:
            hit["_source"] = msgspec.json.decode(raw)
        elif source is not False:
            hit["_source"] = filter_source(msgspec.json.decode(raw), source["includes"], source["excludes"])
        return hit

    def _addresses(self) -> dict[int, tantivy.DocAddress]:
        if self._found is None:
            self._found = dict(self._snapshot.rows(self._query))
        return self._found

    def _all_scores(self) -> dict[int, float]:
        if self._scores is None:
            self._scores = self._snapshot.scores(self._query)
        return self._scores


def _stand_in(field: Field, at_the_top: bool) -> Any:
    """What Elasticsearch shows in ``sort`` for a document without a value."""
    if field.is_keyword:
        return None
    if field.is_float:
        return "Infinity" if at_the_top else "-Infinity"
    return _LONG_MAX if at_the_top else _LONG_MIN


def _hits(total: int, max_score: float | None, hits: list[dict[str, Any]]) -> dict[str, Any]:
    return {"total": {"value": total, "relation": "eq"}, "max_score": max_score, "hits": hits}
