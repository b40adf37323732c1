"""Fuzzy terms: which terms of the index lie within some edits of a text, as Lucene's FuzzyQuery chooses them.

tantivy's own fuzzy query knows no fixed prefix and no limit of expansions, so the terms are found here.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from tantivy import Occur, Query

from common_apps.queries.language.fuzziness import edits
from response_site.search.tantivy_engine.snapshot import Snapshot

_LAST_CHARACTER = "\U0010ffff"


def fuzzy_query(
    snapshot: Snapshot,
    name: str,
    text: str,
    *,
    fuzziness: int | str,
    prefix_length: int = 0,
    max_expansions: int = 50,
    transpositions: bool = True,
) -> Query:
    """Documents with one of the ``max_expansions`` nearest terms that share the first ``prefix_length`` characters."""
    allowed = edits(fuzziness, len(text))
    schema, inner = snapshot.schema.tantivy, snapshot.schema.inner[name]
    option = "freq" if snapshot.schema.fields[name].is_text else "basic"
    if allowed == 0 or not text:  # Lucene takes no text to be near to nothing but itself
        return Query.term_query(schema, inner, text, option)

    def nearest() -> list[tuple[float, str]]:
        vocabulary = snapshot.vocabulary(name)
        near = [
            (_similarity(distance, term, text), term)
            for term, distance in terms_within(vocabulary, text, allowed, prefix_length, transpositions)
        ]
        near.sort(key=lambda pair: (-pair[0], pair[1]))
        return near

    near = snapshot.remembered(("fuzzy", name, text, allowed, prefix_length, transpositions), nearest)
    return Query.boolean_query(
        [
            (Occur.Should, Query.boost_query(Query.term_query(schema, inner, term, option), max(0.0, similarity)))
            for similarity, term in near[:max_expansions]
        ]
    )


def terms_within(
    vocabulary: list[str], text: str, allowed: int, prefix_length: int, transpositions: bool
) -> Iterator[tuple[str, int]]:
    """(term, edits) of each term of a sorted vocabulary within ``allowed`` edits (insert, delete, replace and, if
    ``transpositions``, swap neighbours) that shares the first ``prefix_length`` characters.

    The rows of the edit matrix are kept from one term to the next as far as both begin alike, and all terms with a
    beginning that is already too far are passed over at once: the vocabulary is walked as the trie that it is.
    """
    prefix = text[:prefix_length]
    place = bisect_left(vocabulary, prefix)
    end = bisect_right(vocabulary, prefix + _LAST_CHARACTER) if prefix else len(vocabulary)
    rows = [list(range(len(text) + 1))]
    previous = ""
    while place < end:
        term = vocabulary[place]
        place += 1
        depth = _common_beginning(previous, term, len(rows) - 1)
        del rows[depth + 1 :]
        previous = term
        for position in range(depth, len(term)):
            row = _next_row(rows, term, position, text, allowed, transpositions)
            rows.append(row)
            if min(row) > allowed:
                place = max(place, bisect_right(vocabulary, term[: position + 1] + _LAST_CHARACTER))
                break
        else:
            if rows[-1][-1] <= allowed:
                yield term, rows[-1][-1]


def _next_row(
    rows: list[list[int]], term: str, position: int, text: str, allowed: int, transpositions: bool
) -> list[int]:
    """The edits from ``term[:position + 1]`` to each beginning of ``text``; exact up to ``allowed``."""
    char, last = term[position], rows[position]
    row = [allowed + 1] * (len(text) + 1)
    row[0] = position + 1
    for column in range(max(1, position + 1 - allowed), min(len(text), position + 1 + allowed) + 1):
        cost = 0 if char == text[column - 1] else 1
        best = min(last[column] + 1, row[column - 1] + 1, last[column - 1] + cost)
        if (
            transpositions
            and position
            and column > 1
            and char == text[column - 2]
            and term[position - 1] == text[column - 1]
        ):
            best = min(best, rows[position - 1][column - 2] + 1)
        row[column] = best
    return row


def _common_beginning(left: str, right: str, most: int) -> int:
    count = 0
    for one, other in zip(left[:most], right, strict=False):
        if one != other:
            break
        count += 1
    return count


def _similarity(distance: int, term: str, text: str) -> float:
    """Lucene's: the edits as a share of the shorter one, which may be more than all of it."""
    return 1.0 - distance / max(1, min(len(term), len(text))) if distance else 1.0
