"""The one way in which ids and times are written, and a check that a decoded text was written that way.

msgspec reads more than the format allows (UUIDs in capitals or without dashes, times with an offset or a blank):
the struct gives the value, this module looks at the text.
"""

import re
import types
import typing
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

UUID_PATTERN = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
UUID7_PATTERN = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
TIME_PATTERN = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z"
SHA256_PATTERN = "[0-9a-f]{64}"

_UUID = re.compile(UUID_PATTERN)
_UUIDS = re.compile(f"{UUID_PATTERN}(?:,{UUID_PATTERN})*")
_UUID_LENGTH = 36
_TIME = re.compile(TIME_PATTERN)

Fault = str | None
Check = Callable[[Any], Fault]


def format_time(moment: datetime) -> str:
    """RFC 3339 with Z; microseconds only where there are some. Raises ValueError for a naive time."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone can't be written")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def are_uuids(texts: Sequence[str]) -> bool:
    """Whether each text is a UUID in its one form: looked at as one, which takes a tenth of looking at each."""
    joined = ",".join(texts)
    # As many UUIDs as there are texts leave no text that holds a comma, or nothing.
    return not texts or (len(joined) == len(texts) * (_UUID_LENGTH + 1) - 1 and _UUIDS.fullmatch(joined) is not None)


def is_same_time(text: str, moment: datetime) -> bool:
    """Whether `text` is a time in the format's form, and that moment (fractions may be written shorter)."""
    try:
        return _TIME.fullmatch(text) is not None and datetime.fromisoformat(text) == moment
    except ValueError:
        return False


def form_checks(struct: type[msgspec.Struct]) -> tuple[tuple[str, Check], ...]:
    """For each field of `struct` that holds an id or a time, however deep, a check of what plain JSON decoding gave
    for it.
    """
    hints = typing.get_type_hints(struct)
    found = ((field, _check_for(hints[field])) for field in struct.__struct_fields__)
    return tuple((field, check) for field, check in found if check is not None)


def first_fault(checks: tuple[tuple[str, Check], ...], value: dict[str, Any]) -> Fault:
    """The first text that is not in its one form, as a sentence, or None."""
    for field, check in checks:
        fault = check(value[field])
        if fault is not None:
            return f"{field}: {fault}"
    return None


def _check_for(hint: object) -> Check | None:
    if hint is UUID:
        return _check_uuid
    if hint is datetime:
        return _check_time
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return _check_struct(form_checks(hint))
    if typing.get_origin(hint) is types.UnionType:
        inner = [check for part in typing.get_args(hint) if (check := _check_for(part)) is not None]
        return _check_unless_null(inner[0]) if inner else None
    if typing.get_origin(hint) is list:
        each = _check_for(typing.get_args(hint)[0])
        return _check_each(each) if each is not None else None
    return None


def _check_uuid(value: Any) -> Fault:
    return None if _UUID.fullmatch(value) else "not a UUID in lower case with dashes"


def _check_time(value: Any) -> Fault:
    return None if _TIME.fullmatch(value) else "not a time like 2026-11-23T14:00:00Z"


def _check_struct(checks: tuple[tuple[str, Check], ...]) -> Check | None:
    return (lambda value: first_fault(checks, value)) if checks else None


def _check_unless_null(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def _check_each(check: Check) -> Check:
    def check_each(values: Any) -> Fault:
        return next((fault for value in values if (fault := check(value)) is not None), None)

    return check_each
