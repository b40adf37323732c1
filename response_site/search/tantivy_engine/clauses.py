"""From a clause of the language to a tantivy query: the root, `bool`, and the clauses without a field of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tantivy
from tantivy import Occur, Query

from common_apps.queries.language.minimum_should_match import resolve
from response_site.search.engine import ENGINE_ERROR, EngineFailure, QueryFailedError
from response_site.search.tantivy_engine.matching import match, match_phrase, multi_match
from response_site.search.tantivy_engine.schema import ID, PRESENT
from response_site.search.tantivy_engine.snapshot import Snapshot
from response_site.search.tantivy_engine.term_level import fuzzy, prefix, range_, term, terms, wildcard

# Deeper nesting ends tantivy's process (seen at 2,000). The validator allows far less.
_MAX_DEPTH = 50

_FIELD_CLAUSES: dict[str, Callable[[Snapshot, str, Any], Query]] = {
    "match": match,
    "match_phrase": match_phrase,
    "term": term,
    "range": range_,
    "wildcard": wildcard,
    "prefix": prefix,
    "fuzzy": fuzzy,
}


def translate(snapshot: Snapshot, clause: dict[str, Any], depth: int = 1) -> Query:
    """The tantivy query for one normalized clause. Raises QueryFailedError for one that isn't of the language."""
    ((kind, options),) = clause.items()
    if depth > _MAX_DEPTH:
        raise QueryFailedError(
            EngineFailure(ENGINE_ERROR, f"Clauses are nested deeper than {_MAX_DEPTH}.", retryable=False)
        )
    if kind in _FIELD_CLAUSES:
        ((field, field_options),) = options.items()
        query = _FIELD_CLAUSES[kind](snapshot, field, field_options)
        return boosted(query, field_options)
    if kind == "terms":
        ((field, values),) = ((key, value) for key, value in options.items() if key != "boost")
        return boosted(terms(snapshot, field, values), options)
    if kind == "bool":
        return boosted(_bool(snapshot, options, depth), options)
    if kind == "multi_match":
        return boosted(multi_match(snapshot, options), options)
    if kind == "match_all":
        return boosted(Query.all_query(), options)
    schema = snapshot.schema.tantivy
    if kind == "exists":
        present = Query.term_query(schema, PRESENT, options["field"], "basic")
        return boosted(Query.const_score_query(present, 1.0), options)
    if kind == "ids":
        found = Query.term_set_query(schema, ID, options["values"])
        return boosted(Query.const_score_query(found, 1.0), options)
    raise QueryFailedError(EngineFailure(ENGINE_ERROR, f'The clause "{kind}" is unknown.', retryable=False))


def boosted(query: Query, options: dict[str, Any]) -> Query:
    """The query with its options' boost, if any."""
    boost = options.get("boost")
    return query if boost is None else Query.boost_query(query, float(boost))


def _bool(snapshot: Snapshot, options: dict[str, Any], depth: int) -> Query:
    def inner(name: str) -> list[tantivy.Query]:
        return [translate(snapshot, clause, depth + 1) for clause in options.get(name, ())]

    required = [(Occur.Must, query) for query in inner("must")]
    required += [(Occur.Must, Query.const_score_query(query, 0.0)) for query in inner("filter")]
    optional = [(Occur.Should, query) for query in inner("should")]
    excluded = [(Occur.MustNot, query) for query in inner("must_not")]
    if not required and not optional:
        # A pure negation is taken from everything, scores nothing, and loses its minimum (Elasticsearch's
        # Queries.fixNegativeQueryIfNeeded).
        everything = Query.all_query()
        if not excluded:
            return everything
        return Query.boolean_query([(Occur.Must, Query.const_score_query(everything, 0.0)), *excluded])
    minimum = resolve(options["minimum_should_match"], len(optional)) if "minimum_should_match" in options else 0
    if minimum > len(optional):
        return Query.empty_query()
    if optional and not required:
        minimum = max(1, minimum)
    return Query.boolean_query([*required, *optional, *excluded], minimum_number_should_match=minimum)
