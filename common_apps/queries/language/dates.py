"""Dates as the language reads them: a part of Elasticsearch's ``strict_date_optional_time||epoch_millis``.

Three shapes: ``YYYY-MM-DD``; an ISO 8601 date-time ``YYYY-MM-DDTHH:MM[:SS[.f]][Z|+HH:MM|+HHMM|+HH]`` (f: 1 to 9 digits;
without an offset it is UTC); epoch milliseconds as an integer. Years 0001 to 9999. No date math, no ``2024-05``.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

SHAPES = "'2024-05-31', an ISO 8601 date-time such as '2024-05-31T08:30:00Z', or epoch milliseconds as an integer"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_FIRST = (datetime(1, 1, 1, tzinfo=UTC) - _EPOCH) // _MILLISECOND
_LAST = (datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC) - _EPOCH) // _MILLISECOND
_DATE_TIME = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:T(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,9}))?)?"
    r"(?P<offset>Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
_OFFSET = re.compile(r"([+-])([0-9]{2})(?::?([0-9]{2}))?")
_DAY_MS, _MINUTE_MS, _SECOND_MS = 86_400_000, 60_000, 1_000


class InvalidDateError(ValueError):
    """Not one of the three shapes, or a day or time that does not exist; its text is for a person."""


def parse_date_millis(value: object, *, round_up: bool = False, zone: tzinfo = UTC) -> int:
    """Epoch milliseconds of a date value.

    ``round_up`` takes the last millisecond of what is named (the day, the minute, the second), as Elasticsearch does
    for ``lte`` and ``gt``; a `term` on a date spans both: ``[parse(v), parse(v, round_up=True)]``. ``zone`` is where a
    date without an offset is. Raises `InvalidDateError`.
    """
    start, span = _read(value, zone)
    return start + span - 1 if round_up else start


def format_millis(millis: int) -> str:
    """``2024-05-31T08:30:00.000Z``: Elasticsearch's own spelling of a date value, which every reader takes alike."""
    moment = _EPOCH + millis * _MILLISECOND
    return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def normalize_instant(value: object, *, round_up: bool = False) -> str:
    """One spelling, with milliseconds and in UTC, for a bound. An integer of four digits must not travel as one:
    Elasticsearch would read 2024 as a year. Raises `InvalidDateError`."""
    return format_millis(parse_date_millis(value, round_up=round_up))


def normalize_span(value: object) -> str:
    """One spelling that keeps the precision, for values which stand for all they name: ``2024-05-31`` is a whole day.

    ``2024-05-31``, ``2024-05-31T08:30Z``, ``2024-05-31T08:30:00Z`` or ``2024-05-31T08:30:00.000Z``. Raises
    `InvalidDateError`.
    """
    start, span = _read(value, UTC)
    text = format_millis(start)
    if span == _DAY_MS:
        return text[:10]
    return {_MINUTE_MS: text[:16] + "Z", _SECOND_MS: text[:19] + "Z"}.get(span, text)


def parse_offset(text: str) -> timezone:
    """``+03:30``, ``-0500``, ``+03``; at most 18 hours either way (java.time). Raises `InvalidDateError`."""
    found = _OFFSET.fullmatch(text)
    if found is None:
        raise InvalidDateError("an offset reads '+03:30'")
    hours, minutes = int(found[2]), int(found[3] or 0)
    if minutes > 59 or hours * 60 + minutes > 18 * 60:
        raise InvalidDateError("an offset is at most 18 hours and has at most 59 minutes")
    distance = timedelta(hours=hours, minutes=minutes)
    return timezone(-distance if found[1] == "-" else distance)


def _read(value: object, zone: tzinfo) -> tuple[int, int]:
    """First millisecond of a date value, and how many milliseconds it names."""
    if isinstance(value, int) and not isinstance(value, bool):
        return _within_years(value), 1
    found = _DATE_TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise InvalidDateError(f"a date is {SHAPES}")
    try:
        day = datetime.fromisoformat(found["day"])
        moment = day.replace(
            hour=int(found["hour"] or 0),
            minute=int(found["minute"] or 0),
            second=int(found["second"] or 0),
            tzinfo=_zone(found["offset"], zone),
        )
        start = (moment - _EPOCH) // _MILLISECOND
    except (ValueError, OverflowError) as error:
        if isinstance(error, InvalidDateError):
            raise
        raise InvalidDateError(f"no calendar has this day or time; a date is {SHAPES}") from error
    # Elasticsearch keeps milliseconds: what is finer is cut off.
    start += int((found["fraction"] or "0").ljust(3, "0")[:3])
    return _within_years(start), _span(found)


def _zone(offset: str | None, zone: tzinfo) -> tzinfo:
    if offset is None:
        return zone
    return UTC if offset == "Z" else parse_offset(offset)


def _span(found: re.Match[str]) -> int:
    if found["fraction"]:
        return 1
    if found["second"]:
        return _SECOND_MS
    return _MINUTE_MS if found["hour"] else _DAY_MS


def _within_years(millis: int) -> int:
    if not _FIRST <= millis <= _LAST:
        raise InvalidDateError("a date lies in the years 0001 to 9999")
    return millis
