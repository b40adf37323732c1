"""Fuzzy terms: which terms of the index lie within some edits of a text, as Lucene's FuzzyQuery chooses them.

tantivy's own fuzzy query knows no fixed prefix and no limit of expansions, so the terms are found here.
"""

from __future__ import annotations

from bisect import bisect_left

from tantivy import Occur, Query

from common_apps.queries.language.fuzziness import edits
from response_site.search.tantivy_engine.snapshot import Snapshot


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
    if allowed == 0:
        return Query.term_query(schema, inner, text, option)
    near: list[tuple[float, str]] = []
    for term in _candidates(snapshot.vocabulary(name), text[:prefix_length]):
        if abs(len(term) - len(text)) > allowed:
            continue
        distance = _distance_within(term, text, allowed, transpositions)
        # Lucene compares the edits with the shorter of the two: "a" is not near to "b".
        if distance == 0 or (distance is not None and distance < min(len(term), len(text))):
            near.append((1.0 - distance / min(len(term), len(text)) if distance else 1.0, term))
    near.sort(key=lambda pair: (-pair[0], pair[1]))
    return Query.boolean_query(
        [
            (Occur.Should, Query.boost_query(Query.term_query(schema, inner, term, option), similarity))
            for similarity, term in near[:max_expansions]
        ]
    )


def _candidates(vocabulary: list[str], prefix: str) -> list[str]:
    if not prefix:
        return vocabulary
    start = bisect_left(vocabulary, prefix)
    end = start
    while end < len(vocabulary) and vocabulary[end].startswith(prefix):
        end += 1
    return vocabulary[start:end]


def _distance_within(left: str, right: str, allowed: int, transpositions: bool) -> int | None:
    """The edits (insert, delete, replace and, if ``transpositions``, swap neighbours), None above ``allowed``."""
    start = 0
    shorter = min(len(left), len(right))
    while start < shorter and left[start] == right[start]:
        start += 1
    left_end, right_end = len(left), len(right)
    while left_end > start and right_end > start and left[left_end - 1] == right[right_end - 1]:
        left_end -= 1
        right_end -= 1
    left, right = left[start:left_end], right[start:right_end]
    if not left or not right:
        distance = len(left) + len(right)
        return distance if distance <= allowed else None
    beyond = allowed + 1
    before_last: list[int] = []
    last = list(range(len(right) + 1))
    for i, char in enumerate(left, start=1):
        row = [beyond] * (len(right) + 1)
        row[0] = i
        first, final = max(1, i - allowed), min(len(right), i + allowed)
        for j in range(first, final + 1):
            cost = 0 if char == right[j - 1] else 1
            best = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + cost)
            if transpositions and i > 1 and j > 1 and char == right[j - 2] and left[i - 2] == right[j - 1]:
                best = min(best, before_last[j - 2] + 1)
            row[j] = best
        if min(row) > allowed:
            return None
        before_last, last = last, row
    return last[-1] if last[-1] <= allowed else None
