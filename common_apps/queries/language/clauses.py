"""Reads a clause of the query, and the clauses within it, into the normal form."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from common_apps.queries.language.clause_options import (
    BOUNDS,
    CLAUSES,
    FIELD_CLAUSES,
    MULTI_MATCH,
    OCCURRENCES,
    RANGE_FAMILIES,
    TIE_BREAKERS,
    FieldClause,
)
from common_apps.queries.language.errors import quoted, suggestion
from common_apps.queries.language.fields import ANY, TEXTUAL, Field
from common_apps.queries.language.limits import LIMITS
from common_apps.queries.language.minimum_should_match import resolve
from common_apps.queries.language.options import BOOST, Option, read_list, read_object, read_options, should_match
from common_apps.queries.language.values import DECIMAL, Value, finite, read_bound, read_text, read_value
from common_apps.queries.language.walk import Place, type_name

Json = Any
Clause = dict[str, Json]


def read_clause(place: Place, value: object, depth: int = 1) -> Clause | None:
    """``{NAME: BODY}`` in its normal form; None after a fault.

    ``depth`` is judged before anything beneath is looked at, so that no input decides how far this recurses.
    """
    if not isinstance(value, dict):
        place.fault("wrong_type", f"a clause is an object such as {{'match': ...}}, not {type_name(value)}")
        return None
    if depth > LIMITS.depth:
        place.fault("too_deep", f"clauses lie at most {LIMITS.depth} deep")
        return None
    place.walk.clauses += 1
    if place.walk.clauses > LIMITS.clauses:
        if place.walk.clauses == LIMITS.clauses + 1:
            place.fault("too_many", f"a request has at most {LIMITS.clauses} clauses")
        return None
    if len(value) != 1:
        found = f"{len(value)}; put them into the lists of a bool" if value else "an empty object"
        place.fault("wrong_type" if value else "empty", f"a clause is an object with one key, not {found}")
        return None
    [(name, body)] = value.items()
    if name not in CLAUSES:
        (place / name).fault("unknown_clause", f"no clause {quoted(name)}{suggestion(name, CLAUSES)}")
        return None
    normal = _reader(name, depth)(place / name, body)
    return None if normal is None else {name: normal}


def _reader(name: str, depth: int) -> Callable[[Place, object], Clause | None]:
    if name in FIELD_CLAUSES:
        return partial(_read_field_clause, name, FIELD_CLAUSES[name])
    if name == "bool":
        return partial(_read_bool, depth)
    return {
        "terms": _read_terms,
        "range": _read_range,
        "multi_match": _read_multi_match,
        "exists": _read_exists,
        "ids": _read_ids,
        "match_all": _read_match_all,
    }[name]


def _only_field(place: Place, body: object, what: str) -> tuple[str, Json] | None:
    """The one field that a clause's body names, and what stands there."""
    if not isinstance(body, dict) or not body:
        place.fault(
            "wrong_type" if body != {} else "empty", f"{what} names a field, as in {{{what}: {{'title': ...}}}}"
        )
        return None
    if len(body) > 1:
        names = ", ".join(quoted(key) for key in list(body)[:3])
        place.fault("conflict", f"{what} takes one field, not {len(body)} ({names}): its options stand under the field")
        return None
    [(name, value)] = body.items()
    return name, value


def _read_field_clause(name: str, clause: FieldClause, place: Place, body: object) -> Clause | None:
    only = _only_field(place, body, quoted(name))
    if only is None:
        return None
    at = place / only[0]
    field = at.find_field(only[0], clause.families, quoted(name))
    at = at.on(field)
    if not isinstance(only[1], dict):
        value = clause.read(at, only[1])
        return None if field is None or value is None else {field.name: {clause.main: value}}
    options = {clause.main: Option(clause.read, {}), **clause.options}
    normal = read_options(at, only[1], options, quoted(name), required=[clause.main])
    if field is None:
        return None
    clause.tidy(field, normal)
    return {field.name: normal}


def _read_terms(place: Place, body: object) -> Clause | None:
    only = _only_field(place, body, "'terms'")
    if only is None:
        return None
    at = place / only[0]
    field = at.find_field(only[0], ANY, "'terms'")
    values = read_list(at, only[1], LIMITS.terms, "'terms'")
    if field is None or values is None:
        return None
    return {field.name: _distinct([read_value(at.on(field) / index, value) for index, value in enumerate(values)])}


def _read_range(place: Place, body: object) -> Clause | None:
    only = _only_field(place, body, "'range'")
    if only is None:
        return None
    at = place / only[0]
    field = at.find_field(only[0], RANGE_FAMILIES, "'range'")
    at = at.on(field)
    if only[1] == {}:
        at.fault("empty", "'range' needs at least one of gte, gt, lte, lt")
        return None
    # A bare day's last millisecond bounds lte and gt, its first one gte and lt.
    options = {bound: Option(partial(read_bound, round_up=bound in ("lte", "gt")), {}) for bound in BOUNDS} | {
        "boost": BOOST
    }
    normal = read_options(at, only[1], options, "'range'")
    if isinstance(only[1], dict):
        for one, other in (("gte", "gt"), ("lte", "lt")):
            if one in only[1] and other in only[1]:
                (at / other).fault("conflict", f"'range' takes {one} or {other}, not both")
        if not any(bound in only[1] for bound in BOUNDS):
            at.fault("required", "'range' needs at least one of gte, gt, lte, lt")
    return None if field is None else {field.name: normal}


def _read_bool(depth: int, place: Place, body: object) -> Clause | None:
    if body == {}:
        place.fault("empty", f"'bool' needs at least one of {', '.join(OCCURRENCES)}")
        return None
    found = read_object(place, body, (*OCCURRENCES, "minimum_should_match", "boost"), "'bool'")
    if found is None:
        return None
    normal: Clause = {}
    given = 0
    for occurrence in OCCURRENCES:
        if occurrence not in found:
            continue
        at = place / occurrence
        clauses = found[occurrence]
        if isinstance(clauses, list):
            given += len(clauses)
            read = [read_clause(at / index, clause, depth + 1) for index, clause in enumerate(clauses)]
        else:
            given += 1
            read = [read_clause(at, clauses, depth + 1)]
        if read:
            normal[occurrence] = [clause for clause in read if clause is not None]
    if not given:
        place.fault("empty", f"'bool' needs at least one clause in {', '.join(OCCURRENCES)}")
        return None
    rest = {key: value for key, value in found.items() if key in ("minimum_should_match", "boost")}
    normal |= read_options(place, rest, {"minimum_should_match": should_match(), "boost": BOOST}, "'bool'")
    _settle_minimum(normal)
    return normal


def _settle_minimum(normal: Clause) -> None:
    """The number of ``should`` is known here: a minimum becomes an integer, and goes where it says nothing new."""
    if "minimum_should_match" not in normal:
        return
    optional = len(normal.get("should", []))
    wanted = resolve(normal.pop("minimum_should_match"), optional)
    positive = "must" in normal or "filter" in normal
    if wanted > 0 and not (wanted == 1 and optional and not positive):
        # More than there are matches nothing, however many more.
        normal["minimum_should_match"] = min(wanted, optional + 1)


def _read_multi_match(place: Place, body: object) -> Clause | None:
    options = {**MULTI_MATCH, "fields": Option(_read_match_fields, {})}
    normal = read_options(place, body, options, "'multi_match'", required=["query", "fields"])
    kind = normal.get("type", "best_fields")
    if kind in ("cross_fields", "phrase") and "fuzziness" in normal:
        (place / "fuzziness").fault("not_allowed", f"'fuzziness' has no meaning with type {kind}")
    if kind == "phrase":
        normal.pop("operator", None)
        normal.pop("minimum_should_match", None)
    else:
        normal.pop("slop", None)
    if normal.get("tie_breaker") == TIE_BREAKERS[kind]:
        del normal["tie_breaker"]
    return normal


def _read_match_fields(place: Place, value: object) -> list[str] | None:
    """``"title"`` or ``["title", "title^2"]`` -> sorted, boosts as ``title^2.0``, 1 left out."""
    if isinstance(value, str):
        named = [(place, value)]
    else:
        names = read_list(place, value, LIMITS.multi_match_fields, "'fields'", least=1)
        named = [(place / index, name) for index, name in enumerate(names or [])]
    boosts: dict[str, float] = {}
    for at, name in named:
        found = _read_match_field(at, name)
        if found is None:
            continue
        field, boost = found
        if field.name in boosts:
            at.fault("conflict", f"{quoted(field.name)} is there twice")
        boosts[field.name] = boost
    return [name if boost == 1 else f"{name}^{boost!r}" for name, boost in sorted(boosts.items())]


def _read_match_field(place: Place, name: object) -> tuple[Field, float] | None:
    boost = 1.0
    if isinstance(name, str) and name not in place.walk.fields and "^" in name:
        name, _, written = name.rpartition("^")
        parsed = finite(float(written)) if len(written) <= 32 and DECIMAL.fullmatch(written) else None
        if parsed is None or not 0 <= parsed <= LIMITS.boost:
            place.fault("invalid_value", f"a field's boost is a number from 0 to {LIMITS.boost:g}, as in 'title^2'")
        else:
            boost = float(parsed) or 0.0  # not -0.0
    field = place.find_field(name, TEXTUAL, "'multi_match'")
    return None if field is None else (field, boost)


def _read_exists(place: Place, body: object) -> Clause | None:
    option = Option(lambda at, name: getattr(at.find_field(name, None, "'exists'"), "name", None), {})
    return read_options(place, body, {"field": option}, "'exists'", required=["field"])


def _read_ids(place: Place, body: object) -> Clause | None:
    def read(at: Place, value: object) -> list[Value] | None:
        values = read_list(at, value, LIMITS.ids, "'values'")
        if values is None:
            return None
        return _distinct([read_text(at / index, item, "an id") for index, item in enumerate(values)])

    return read_options(place, body, {"values": Option(read, {})}, "'ids'", required=["values"])


def _read_match_all(place: Place, body: object) -> Clause:
    return read_options(place, body, {"boost": BOOST}, "'match_all'")


def _distinct(values: list[Value | None]) -> list[Value]:
    """A set in one order: neither order nor repetition means anything in a list of values."""
    kept = {value for value in values if value is not None}
    return sorted(kept, key=lambda value: (isinstance(value, str), value))
