"""One committed state of one generation, as a process reads it: tantivy's searcher and columns made from it.

Columns hold each document's values by row number, so that aggregating and sorting read no stored JSON. They are
built once a state, all in one pass, when first needed. Nothing here changes after that, so threads share it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
import tantivy

from response_site.search.documents import Value, field_values
from response_site.search.tantivy_engine.schema import ID, ROW, SOURCE, IndexSchema

Column = list[tuple[Value, ...]]
T = TypeVar("T")
# Expansions of fuzzy words and rows of sloppy phrases: a few kilobytes each.
_MOST_KEPT = 512


class Snapshot:
    """What can be seen of a generation. ``rows`` is one more than the highest row number."""

    def __init__(self, index: tantivy.Index, schema: IndexSchema) -> None:
        self.schema = schema
        self.searcher = index.searcher()
        self.count = self.searcher.num_docs
        self._lock = threading.Lock()
        self._columns: dict[str, Column] | None = None
        self._vocabularies: dict[str, list[str]] = {}
        self._kept: dict[tuple[Any, ...], Any] = {}

    def next_row(self) -> int:
        """The number of the next document to come."""
        if not self.count:
            return 0
        last = self.searcher.search(tantivy.Query.all_query(), limit=1, order_by_field=ROW).hits
        return int(last[0][0]) + 1

    def rows(self, query: tantivy.Query) -> list[tuple[int, tantivy.DocAddress]]:
        """(row, address) of every document that matches, by row."""
        if not self.count:
            return []
        found = self.searcher.search(query, limit=self.count, count=False, order_by_field=ROW, order=tantivy.Order.Asc)
        return found.hits

    def scores(self, query: tantivy.Query) -> dict[int, float]:
        """The score of every document that matches, by row."""
        if not self.count:
            return {}
        hits = self.searcher.search(query, limit=self.count, count=False).hits
        rows = self.searcher.fast_field_values(ROW, [address for _, address in hits])
        return {int(row or 0): score for row, (score, _) in zip(rows, hits, strict=True)}

    def best(self, query: tantivy.Query, limit: int) -> tuple[int, list[tuple[float, tantivy.DocAddress]]]:
        """How many documents match, exactly, and (score, address) of the ``limit`` best."""
        # tantivy panics on a limit of 0; its stubs don't know `count`
        found: Any = self.searcher.search(query, limit=max(1, limit), count=True)
        return found.count, found.hits[:limit]

    def stored(self, address: tantivy.DocAddress) -> tuple[str, bytes]:
        """A document's id and its source as JSON."""
        document: Any = self.searcher.doc(address)
        return document.get_first(ID), document.get_first(SOURCE)

    def column(self, field: str) -> Column:
        """The field's values by row, in rising order; a keyword's without repetition (Lucene's doc values)."""
        with self._lock:
            if self._columns is None:
                self._columns = self._build_columns()
            return self._columns[field]

    def ranks(self, field: str, *, falling: bool, missing_first: bool) -> list[int]:
        """Each row's place in the order of the field's values, equal ones alike: integers sort fastest.

        Of several values the first in that order counts.
        """

        def rank() -> list[int]:
            column, chosen = self.column(field), -1 if falling else 0
            distinct = sorted({values[chosen] for values in column if values}, reverse=falling)
            places = {value: place for place, value in enumerate(distinct)}
            missing = -1 if missing_first else len(distinct)
            return [places[values[chosen]] if values else missing for values in column]

        return self.remembered(("ranks", field, falling, missing_first), rank)

    def vocabulary(self, field: str) -> list[str]:
        """Every term of a text or keyword field, in code point order."""
        with self._lock:
            found = self._vocabularies.get(field)
            if found is None:
                pairs = self.searcher.terms_with_prefix(self.schema.inner[field], "")
                found = self._vocabularies[field] = sorted({term for term, _ in pairs})
            return found

    def remembered(self, key: tuple[Any, ...], compute: Callable[[], T]) -> T:
        """What ``compute`` returns, kept for the next that asks the same of this state; the oldest is forgotten."""
        try:
            found: T = self._kept[key]
        except KeyError:
            found = compute()
            with self._lock:
                if len(self._kept) >= _MOST_KEPT:
                    del self._kept[next(iter(self._kept))]
                self._kept[key] = found
        return found

    def _build_columns(self) -> dict[str, Column]:
        fields = [field for field in self.schema.fields.values() if not field.is_text]
        addressed = self.rows(tantivy.Query.all_query())
        height = addressed[-1][0] + 1 if addressed else 0
        columns: dict[str, Column] = {field.name: [()] * height for field in fields}
        keywords = {field.name for field in fields if field.is_keyword}
        # Most keywords repeat: one tuple for all documents that hold the same.
        shared: dict[tuple[Value, ...], tuple[Value, ...]] = {}
        decode = msgspec.json.Decoder(dict[str, Any]).decode
        for row, address in addressed:
            source = decode(self.stored(address)[1])
            for name, found in field_values(fields, source).items():
                values = found
                if len(values) > 1:
                    distinct = set(values) if name in keywords else values
                    values = tuple(sorted(distinct))
                columns[name][row] = shared.setdefault(values, values) if name in keywords else values
        return columns
