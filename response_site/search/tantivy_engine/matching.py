"""Clauses that analyze their text: match, match_phrase, multi_match."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tantivy import Occur, Query

from common_apps.queries.language.minimum_should_match import resolve
from response_site.search.tantivy_engine.analyzer import tokens_of
from response_site.search.tantivy_engine.fuzziness import fuzzy_query
from response_site.search.tantivy_engine.phrases import phrase_query
from response_site.search.tantivy_engine.snapshot import Snapshot
from response_site.search.tantivy_engine.term_level import as_text, exact


def match(snapshot: Snapshot, name: str, options: dict[str, Any]) -> Query:
    """The analyzed words, any or all or so many of them; on other fields than text the value as it is."""
    field = snapshot.schema.fields[name]
    if not (field.is_text or field.is_keyword):
        return exact(snapshot, field, options["query"])
    text = as_text(options["query"])
    words = tokens_of(text) if field.is_text else [text]
    return _combined([_word(snapshot, name, word, options) for word in words], options)


def match_phrase(snapshot: Snapshot, name: str, options: dict[str, Any]) -> Query:
    """The analyzed words in their order, moved by at most ``slop`` places in all."""
    text = as_text(options["query"])
    if not snapshot.schema.fields[name].is_text:
        return exact(snapshot, snapshot.schema.fields[name], text)
    return phrase_query(snapshot, name, tokens_of(text), options.get("slop", 0))


def multi_match(snapshot: Snapshot, options: dict[str, Any]) -> Query:
    """One text in several fields: the best field, the sum of all, the words spread over them, or a phrase."""
    kind = options.get("type", "best_fields")
    weights = [_weighted(snapshot, spelling) for spelling in options["fields"]]
    if kind == "cross_fields":
        return _cross_fields(snapshot, weights, options)
    one = match_phrase if kind == "phrase" else match
    queries = [
        _weigh(one(snapshot, name, {key: options[key] for key in options if key != "boost"}), weight)
        for name, weight in weights
    ]
    return _best(queries, 1.0 if kind == "most_fields" else options.get("tie_breaker", 0.0))


def _cross_fields(snapshot: Snapshot, weights: list[tuple[str, float]], options: dict[str, Any]) -> Query:
    """Word by word, each in any field: fields that cut texts alike form one group, the best group counts."""
    text = as_text(options["query"])
    tie_breaker = options.get("tie_breaker", 0.0)
    groups = []
    for is_text in (True, False):
        group = [(name, weight) for name, weight in weights if snapshot.schema.fields[name].is_text is is_text]
        if group:
            words = [
                _best([_weigh(_word(snapshot, name, word, {}), weight) for name, weight in group], tie_breaker)
                for word in (tokens_of(text) if is_text else [text])
            ]
            groups.append(_combined(words, options))
    return _best(groups, tie_breaker)


def _word(snapshot: Snapshot, name: str, word: str, options: dict[str, Any]) -> Query:
    if "fuzziness" in options:
        return fuzzy_query(
            snapshot,
            name,
            word,
            fuzziness=options["fuzziness"],
            prefix_length=options.get("prefix_length", 0),
        )
    return exact(snapshot, snapshot.schema.fields[name], word)


def _combined(words: Sequence[Query], options: dict[str, Any]) -> Query:
    if len(words) == 1:  # Elasticsearch counts no minimum where there is nothing to choose from
        return words[0]
    every = options.get("operator", "or") == "and"
    spec = options.get("minimum_should_match")
    optional = 0 if every else len(words)
    minimum = 0 if spec is None else resolve(spec, optional)
    if not words or minimum > optional:
        return Query.empty_query()
    if every:
        return Query.boolean_query([(Occur.Must, word) for word in words])
    return Query.boolean_query([(Occur.Should, word) for word in words], minimum_number_should_match=max(1, minimum))


def _weighted(snapshot: Snapshot, spelling: str) -> tuple[str, float]:
    if spelling in snapshot.schema.fields:
        return spelling, 1.0
    name, _, weight = spelling.rpartition("^")
    return name, float(weight)


def _weigh(query: Query, weight: float) -> Query:
    return query if weight == 1.0 else Query.boost_query(query, weight)


def _best(queries: list[Query], tie_breaker: float) -> Query:
    return queries[0] if len(queries) == 1 else Query.disjunction_max_query(queries, float(tie_breaker))
