"""Clauses that compare whole terms: term, terms, range, wildcard, prefix, fuzzy. Texts are not analyzed here."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from decimal import Decimal
from typing import Any

import tantivy
from tantivy import FieldType, Occur, Query

from common_apps.queries.language.dates import parse_date_millis
from response_site.search.mapping import Field
from response_site.search.tantivy_engine.fuzziness import fuzzy_query
from response_site.search.tantivy_engine.snapshot import Snapshot

_LONG_MIN, _LONG_MAX = -(1 << 63), (1 << 63) - 1
# tantivy-fst's regular expressions: everything else stands for itself.
_REGEX_SPECIAL = frozenset("\\.+*?()|[]{}^$#&-~")


def term(snapshot: Snapshot, name: str, options: dict[str, Any]) -> Query:
    """Documents whose field holds exactly the value."""
    field = snapshot.schema.fields[name]
    if options.get("case_insensitive") and (field.is_keyword or field.is_text):
        pattern = "".join(_either_case(char) for char in as_text(options["value"]))
        return _constant(_regex(snapshot, name, pattern))
    return exact(snapshot, field, options["value"])


def terms(snapshot: Snapshot, name: str, values: list[Any]) -> Query:
    """Documents whose field holds any of the values."""
    field = snapshot.schema.fields[name]
    if field.is_keyword or field.is_text:
        found = Query.term_set_query(
            snapshot.schema.tantivy, snapshot.schema.inner[name], [as_text(value) for value in values]
        )
        return _constant(found)
    return _constant(Query.boolean_query([(Occur.Should, exact(snapshot, field, value)) for value in values]))


def exact(snapshot: Snapshot, field: Field, value: Any) -> Query:
    """One value of any type: a scored term, a number, or the whole span that a date names."""
    schema, inner = snapshot.schema.tantivy, snapshot.schema.inner[field.name]
    if field.is_keyword or field.is_text:
        return Query.term_query(schema, inner, as_text(value), "freq" if field.is_text else "basic")
    if field.is_date:
        return _integers(snapshot, field.name, parse_date_millis(value), parse_date_millis(value, round_up=True))
    number = as_number(value)
    if field.is_integer:
        if number != number.to_integral_value():
            return Query.empty_query()
        return _integers(snapshot, field.name, int(number), int(number))
    return _constant(Query.term_query(schema, inner, float(number), "basic"))


def range_(snapshot: Snapshot, name: str, options: dict[str, Any]) -> Query:
    """Documents with a value between the bounds."""
    field = snapshot.schema.fields[name]
    if field.is_keyword or field.is_text:
        return _keyword_range(snapshot, name, options)
    if field.is_float:
        return _float_range(snapshot, name, options)
    low, high = _LONG_MIN, _LONG_MAX
    if field.is_date:
        if "gte" in options:
            low = parse_date_millis(options["gte"])
        if "gt" in options:
            low = max(low, parse_date_millis(options["gt"], round_up=True) + 1)
        if "lte" in options:
            high = parse_date_millis(options["lte"], round_up=True)
        if "lt" in options:
            high = min(high, parse_date_millis(options["lt"]) - 1)
    else:
        if "gte" in options:
            low = math.ceil(as_number(options["gte"]))
        if "gt" in options:
            low = max(low, math.floor(as_number(options["gt"])) + 1)
        if "lte" in options:
            high = math.floor(as_number(options["lte"]))
        if "lt" in options:
            high = min(high, math.ceil(as_number(options["lt"])) - 1)
    return _integers(snapshot, name, low, high)


def wildcard(snapshot: Snapshot, name: str, options: dict[str, Any]) -> Query:
    """``*`` any text, ``?`` one character, a backslash takes the next character as it is."""
    one = _either_case if options.get("case_insensitive") else _escaped
    pattern = []
    characters = iter(as_text(options["value"]))
    for char in characters:
        if char == "*":
            pattern.append("(?s:.)*")
        elif char == "?":
            pattern.append("(?s:.)")
        elif char == "\\":
            pattern.append(one(next(characters, char)))
        else:
            pattern.append(one(char))
    return _constant(_regex(snapshot, name, "".join(pattern)))


def prefix(snapshot: Snapshot, name: str, options: dict[str, Any]) -> Query:
    """Documents with a term that begins with the value."""
    one = _either_case if options.get("case_insensitive") else _escaped
    pattern = "".join(one(char) for char in as_text(options["value"])) + "(?s:.)*"
    return _constant(_regex(snapshot, name, pattern))


def fuzzy(snapshot: Snapshot, name: str, options: dict[str, Any]) -> Query:
    """Documents with a term a few edits away from the value."""
    return fuzzy_query(
        snapshot,
        name,
        as_text(options["value"]),
        fuzziness=options.get("fuzziness", "AUTO"),
        prefix_length=options.get("prefix_length", 0),
        max_expansions=options.get("max_expansions", 50),
        transpositions=options.get("transpositions", True),
    )


def as_text(value: Any) -> str:
    """A value as the term that Elasticsearch makes of it for a keyword or text field."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)


def as_number(value: Any) -> Decimal:
    """A JSON number, or a text of one, without rounding."""
    return Decimal(value) if isinstance(value, str | int) else Decimal(repr(value))


def _constant(query: Query) -> Query:
    return Query.const_score_query(query, 1.0)


def _integers(snapshot: Snapshot, name: str, low: int, high: int) -> Query:
    low, high = max(low, _LONG_MIN), min(high, _LONG_MAX)
    if low > high:
        return Query.empty_query()
    return _constant(
        Query.range_query(
            snapshot.schema.tantivy, snapshot.schema.inner[name], FieldType.Integer, low, high, True, True
        )
    )


def _float_range(snapshot: Snapshot, name: str, options: dict[str, Any]) -> Query:
    low, include_low = max(
        ((float(as_number(options[key])), key == "gte", key == "gt") for key in ("gte", "gt") if key in options),
        key=lambda bound: (bound[0], bound[2]),
        default=(-math.inf, True, False),
    )[:2]
    high, include_high = min(
        ((float(as_number(options[key])), key == "lte", key == "lt") for key in ("lte", "lt") if key in options),
        key=lambda bound: (bound[0], bound[1]),
        default=(math.inf, True, False),
    )[:2]
    if low > high or (low == high and not (include_low and include_high)):
        return Query.empty_query()
    return _constant(
        Query.range_query(
            snapshot.schema.tantivy,
            snapshot.schema.inner[name],
            FieldType.Float,
            low,
            high,
            include_low,
            include_high,
        )
    )


def _keyword_range(snapshot: Snapshot, name: str, options: dict[str, Any]) -> Query:
    # tantivy has no ranges over texts; code point order is the order of UTF-8's bytes, which Lucene compares.
    vocabulary = snapshot.vocabulary(name)
    start, end = 0, len(vocabulary)
    if "gte" in options:
        start = bisect_left(vocabulary, as_text(options["gte"]))
    if "gt" in options:
        start = max(start, bisect_right(vocabulary, as_text(options["gt"])))
    if "lte" in options:
        end = bisect_right(vocabulary, as_text(options["lte"]))
    if "lt" in options:
        end = min(end, bisect_left(vocabulary, as_text(options["lt"])))
    found = vocabulary[start:end]
    return _constant(Query.term_set_query(snapshot.schema.tantivy, snapshot.schema.inner[name], found))


def _regex(snapshot: Snapshot, name: str, pattern: str) -> tantivy.Query:
    return Query.regex_query(snapshot.schema.tantivy, snapshot.schema.inner[name], pattern)


def _escaped(char: str) -> str:
    return "\\" + char if char in _REGEX_SPECIAL else char


def _either_case(char: str) -> str:
    # Lucene folds ASCII alone.
    if char.isascii() and char.isalpha():
        return f"[{char.lower()}{char.upper()}]"
    return _escaped(char)
