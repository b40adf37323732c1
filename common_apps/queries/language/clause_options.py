"""The clauses that ask something of one field, as data: their options, and the fields they work on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from common_apps.queries.language.fields import ANY, ORDERED, TEXT, TEXTUAL, Family, Field
from common_apps.queries.language.limits import LIMITS
from common_apps.queries.language.options import BOOST, Option, choice, flag, fuzzy, integer, number, should_match
from common_apps.queries.language.values import read_text, read_value
from common_apps.queries.language.walk import Place

Json = Any
Reader = Callable[[Place, object], Json]
Tidy = Callable[[Field, dict[str, Json]], None]


def _read_pattern(place: Place, value: object) -> str | None:
    """A wildcard's value: few wildcards and none at the front, or it would walk all terms of the index."""
    found = read_text(place, value, "a wildcard's value")
    if found is None:
        return None
    if found.startswith(("*", "?")):
        place.fault("invalid_value", "a wildcard can't begin with * or ?: give its first character, or use match")
        return None
    wildcards = escaped = 0
    for mark in found:
        wildcards += mark in "*?" and not escaped
        escaped = mark == "\\" and not escaped
    if wildcards > LIMITS.wildcards:
        place.fault("too_many", f"{wildcards} wildcards; {LIMITS.wildcards} are allowed")
        return None
    return found


def _read_words(place: Place, value: object) -> str | None:
    return read_text(place, value, "what is searched for")


def tidy_match(found: Field, options: dict[str, Json]) -> None:
    """Leaves out what changes nothing: a field that isn't text has one term, so there is nothing to combine."""
    if "fuzziness" not in options:
        options.pop("prefix_length", None)
    if found.family is not Family.TEXT:
        options.pop("operator", None)
        options.pop("minimum_should_match", None)


def _nothing_to_tidy(found: Field, options: dict[str, Json]) -> None:
    """Every option counts."""


@dataclass(frozen=True, slots=True)
class FieldClause:
    """``{NAME: {FIELD: {main: VALUE, ...options}}}``, short form ``{NAME: {FIELD: VALUE}}``."""

    main: str
    families: frozenset[Family]
    options: dict[str, Option] = field(default_factory=dict)
    read: Reader = read_value
    tidy: Tidy = _nothing_to_tidy


VALUE_SCHEMA: dict[str, Json] = {"type": ["string", "number"], "maxLength": LIMITS.text}
TEXT_SCHEMA: dict[str, Json] = {"type": "string", "maxLength": LIMITS.text}
PREFIX_LENGTH = integer(0, LIMITS.prefix_length, 0)
OPERATOR = choice(["or", "and"], "or", upper=True)
SLOP = integer(0, LIMITS.slop, 0)

FIELD_CLAUSES = {
    "match": FieldClause(
        "query",
        ANY,
        {
            "operator": OPERATOR,
            "minimum_should_match": should_match(),
            "fuzziness": fuzzy(0, TEXTUAL),
            "prefix_length": PREFIX_LENGTH,
            "boost": BOOST,
        },
        tidy=tidy_match,
    ),
    "match_phrase": FieldClause("query", TEXT, {"slop": SLOP, "boost": BOOST}),
    "term": FieldClause("value", ANY, {"case_insensitive": flag(False, TEXTUAL), "boost": BOOST}),
    "wildcard": FieldClause("value", TEXTUAL, {"case_insensitive": flag(False), "boost": BOOST}, read=_read_pattern),
    "prefix": FieldClause("value", TEXTUAL, {"case_insensitive": flag(False), "boost": BOOST}),
    "fuzzy": FieldClause(
        "value",
        TEXTUAL,
        {
            "fuzziness": fuzzy("AUTO"),
            "prefix_length": PREFIX_LENGTH,
            "max_expansions": integer(1, LIMITS.expansions, LIMITS.expansions),
            "transpositions": flag(True),
            "boost": BOOST,
        },
    ),
}

RANGE_FAMILIES = ORDERED
BOUNDS = ("gte", "gt", "lte", "lt")

MULTI_MATCH = {
    "query": Option(_read_words, TEXT_SCHEMA),
    "type": choice(["best_fields", "most_fields", "cross_fields", "phrase"], "best_fields"),
    "operator": OPERATOR,
    "minimum_should_match": should_match(),
    "fuzziness": fuzzy(0),
    "tie_breaker": number(0, 1),
    "slop": SLOP,
    "boost": BOOST,
}
TIE_BREAKERS = {"best_fields": 0, "most_fields": 1, "cross_fields": 0, "phrase": 0}
"""Elasticsearch's default tie_breaker of each type."""

OCCURRENCES = ("must", "should", "must_not", "filter")
CLAUSES = (*FIELD_CLAUSES, "multi_match", "terms", "range", "bool", "exists", "ids", "match_all")
