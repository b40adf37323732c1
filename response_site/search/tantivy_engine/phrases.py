"""Phrases. Exact ones are tantivy's; with slop, its candidates are checked here by Lucene's rule."""

from __future__ import annotations

from typing import Any

import msgspec
from tantivy import Occur, Query

from response_site.search.documents import field_values
from response_site.search.tantivy_engine.analyzer import tokens_of
from response_site.search.tantivy_engine.schema import ROW, VALUE_GAP
from response_site.search.tantivy_engine.snapshot import Snapshot


def phrase_query(snapshot: Snapshot, name: str, words: list[str], slop: int) -> Query:
    """Documents that hold the words as a phrase. No words match nothing, one word is a term."""
    schema, inner = snapshot.schema.tantivy, snapshot.schema.inner[name]
    if not words:
        return Query.empty_query()
    if len(words) == 1:  # tantivy panics on a phrase of one word
        return Query.term_query(schema, inner, words[0], "freq")
    if slop == 0:
        return Query.phrase_query(schema, inner, list(words))
    every = Query.boolean_query(
        [(Occur.Must, Query.term_query(schema, inner, word, "freq")) for word in sorted(set(words))]
    )
    rows = snapshot.remembered(("phrase", name, *words, slop), lambda: _rows_within(snapshot, name, words, slop, every))
    kept = Query.const_score_query(Query.term_set_query(schema, ROW, rows), 0.0)
    return Query.boolean_query([(Occur.Must, every), (Occur.Must, kept)])


def _rows_within(snapshot: Snapshot, name: str, words: list[str], slop: int, every: Query) -> list[int]:
    # tantivy's own slop differs from Lucene's for three words and more, and for repeated ones.
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    field = snapshot.schema.fields[name]
    rows = []
    for row, address in snapshot.rows(every):
        values = field_values([field], decode(snapshot.stored(address)[1])).get(name, ())
        if _within_slop(_places([str(value) for value in values], words), words, slop):
            rows.append(row)
    return rows


def _places(values: list[str], words: list[str]) -> dict[str, list[int]]:
    """Where each word of the phrase stands, in rising order."""
    places: dict[str, list[int]] = {word: [] for word in words}
    start = 0
    for value in values:
        tokens = tokens_of(value)
        for position, token in enumerate(tokens, start=start):
            if token in places:
                places[token].append(position)
        start += len(tokens) + VALUE_GAP
    return places


def _within_slop(places: dict[str, list[int]], words: list[str], slop: int) -> bool:
    """Whether the words can be given places of their own that need at most ``slop`` moves.

    Lucene (SloppyPhraseMatcher): each place is shifted back by the word's own place in the phrase; the width of the
    shifted places is the number of moves. So for each lowest shifted place, every word needs one in
    ``[lowest, lowest + slop]``.
    """
    offsets: dict[str, list[int]] = {}
    for offset, word in enumerate(words):
        offsets.setdefault(word, []).append(offset)
    lowest = {place - offset for word, found in offsets.items() for offset in found for place in places[word]}
    return any(all(_fits(places[word], found, low, low + slop) for word, found in offsets.items()) for low in lowest)


def _fits(places: list[int], offsets: list[int], low: int, high: int) -> bool:
    """Whether each repetition of a word finds a place of its own; the windows rise, so the first place will do."""
    candidates = iter(places)
    for offset in offsets:
        place = next((place for place in candidates if place >= low + offset), None)
        if place is None or place > high + offset:
            return False
    return True
