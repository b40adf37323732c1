"""Values of a field: each checked by the field's family and brought to one spelling.

Every reader answers None after it noted a fault (null is never a value), so that a walk can go on.
"""

from __future__ import annotations

import math
import re

from common_apps.queries.language import dates
from common_apps.queries.language.errors import quoted
from common_apps.queries.language.fields import FLOAT_BOUNDS, INTEGER_BOUNDS, Family, Field
from common_apps.queries.language.limits import LIMITS
from common_apps.queries.language.walk import Place, type_name

Value = str | int | float

DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_EXACT = 2**53
"""Below it every whole number is a double of its own."""


def read_text(place: Place, value: object, what: str = "this value") -> str | None:
    """A text of at most 512 characters that can be encoded and holds no U+0000."""
    if not isinstance(value, str):
        hint = "; put it in quotes" if _is_number(value) else ""
        place.fault("wrong_type", f"{what} is a text, not {type_name(value)}{hint}")
        return None
    if len(value) > LIMITS.text:
        place.fault("too_long", f"{what} has {len(value)} characters; {LIMITS.text} are allowed")
        return None
    if any(mark == "\0" or "\ud800" <= mark <= "\udfff" for mark in value):
        place.fault("invalid_value", f"{what} holds U+0000 or half of a surrogate pair; leave it out")
        return None
    return value


def read_value(place: Place, value: object) -> Value | None:
    """A value that stands for all it names: a bare day is the whole day (term, terms, match)."""
    if place.field is None or place.field.family is not Family.DATE:
        return _read_plain(place, value)
    try:
        return dates.normalize_span(value)
    except dates.InvalidDateError as error:
        _refuse_date(place, value, error)
        return None


def read_bound(place: Place, value: object, *, round_up: bool = False) -> Value | None:
    """A value that is one point on the field's scale: a date becomes its first (or last) millisecond."""
    if place.field is None or place.field.family is not Family.DATE:
        return _read_plain(place, value)
    try:
        return dates.normalize_instant(value, round_up=round_up)
    except dates.InvalidDateError as error:
        _refuse_date(place, value, error)
        return None


def read_bucket_value(place: Place, value: object) -> Value | None:
    """A value that a bucket's key can equal: as `read_bound`, and whole on a field of whole numbers."""
    found = read_bound(place, value)
    if isinstance(found, float) and place.field is not None and place.field.type in INTEGER_BOUNDS:
        place.fault("invalid_value", f"{quoted(place.field.name)} holds whole numbers; {found!r} is none")
        return None
    return found


def normalize_number(number: int | float) -> int | float:
    """One spelling for a finite number: whole ones as integers while a double tells them apart, else as floats."""
    narrowed = float(number)
    return int(narrowed) if narrowed.is_integer() and abs(narrowed) < _EXACT else narrowed


def finite(value: object) -> int | float | None:
    """A JSON number that is finite; None for anything else, booleans among them."""
    if not _is_number(value):
        return None
    assert isinstance(value, int | float)  # noqa: S101  what _is_number says, told to mypy
    try:
        return value if math.isfinite(value) else None
    except OverflowError:
        return None


def _read_plain(place: Place, value: object) -> Value | None:
    field = place.field
    if field is None or field.family is None:
        return None
    if field.family is Family.NUMBER:
        return _read_number(place, field, value)
    return read_text(place, value, f"a value of {quoted(field.name)} ({field.type})")


def _read_number(place: Place, field: Field, value: object) -> int | float | None:
    number: int | float | None
    if isinstance(value, str):
        number = _parse_decimal(value)
    elif _is_number(value):
        number = finite(value)
    else:
        place.fault("wrong_type", f"a value of {quoted(field.name)} ({field.type}) is a number, not {type_name(value)}")
        return None
    if number is None:
        place.fault(
            "invalid_value",
            f"a value of {quoted(field.name)} ({field.type}) is a finite decimal number, such as 1500000 or '1.5e6'",
        )
        return None
    return _within_type(place, field, number)


def _within_type(place: Place, field: Field, number: int | float) -> int | float | None:
    if field.type in INTEGER_BOUNDS:
        low, high = INTEGER_BOUNDS[field.type]
        if low <= number <= high:
            return int(number) if float(number).is_integer() else number
    else:
        high_float = FLOAT_BOUNDS[field.type]
        if abs(number) <= high_float:
            return normalize_number(number)
    place.fault("out_of_range", f"{quoted(field.name)} is {field.type}: no value of it is as large as this one")
    return None


def _parse_decimal(text: str) -> int | float | None:
    if len(text) > LIMITS.text or DECIMAL.fullmatch(text) is None:
        return None
    if _WHOLE.fullmatch(text):
        return finite(int(text))
    return finite(float(text))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _refuse_date(place: Place, value: object, error: dates.InvalidDateError) -> None:
    code = "invalid_value" if isinstance(value, str | int | float) and not isinstance(value, bool) else "wrong_type"
    name = quoted(place.field.name) if place.field else "this field"
    place.fault(code, f"{name} is a date: {error}")
