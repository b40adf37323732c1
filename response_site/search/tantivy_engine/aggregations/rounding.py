"""Where the buckets of a date_histogram begin: Elasticsearch's ``Rounding``, in a zone, moved by an offset."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from common_apps.queries.language.intervals import parse_span, read_zone

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - wall time, its zone is applied apart
_MS = timedelta(milliseconds=1)
_CLOCK_UNITS = {"minute": 60_000, "hour": 3_600_000}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


class Rounding:
    """``start(ms)``: when the bucket that holds a moment begins. ``next(key)``: when the one after begins."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.zone = read_zone(options.get("time_zone", "UTC"))
        self._offset = parse_span(options["offset"]) if options.get("offset") else 0
        self._known: dict[int, int] = {}
        if "fixed_interval" in options:
            length = parse_span(options["fixed_interval"])
            self._start: Callable[[int], int] = lambda ms: self._fixed_start(ms, length)
            self._next: Callable[[int], int] = lambda key: self._fixed_next(key, length)
        elif options["calendar_interval"] in _CLOCK_UNITS:
            unit = _CLOCK_UNITS[options["calendar_interval"]]
            self._start = lambda ms: self._clock_start(ms, unit)
            self._next = lambda key: self._clock_start(key + unit, unit)
        else:
            name = options["calendar_interval"]
            self._start = lambda ms: self._to_utc(_floor(self._to_wall(ms), name))
            self._next = lambda key: self._to_utc(_add(_floor(self._to_wall(key), name), name))

    def start(self, millis: int) -> int:
        """Epoch milliseconds of the beginning of the bucket that ``millis`` lies in."""
        found = self._known.get(millis)
        if found is None:
            found = self._known[millis] = self._start(millis - self._offset) + self._offset
        return found

    def edge(self, millis: int) -> int:
        """The key that a bound in extended_bounds asks for: Elasticsearch rounds it first and moves it after."""
        return self._start(millis) + self._offset

    def next(self, key: int) -> int:
        """Epoch milliseconds of the beginning of the bucket after the one that begins at ``key``."""
        return self._next(key - self._offset) + self._offset

    def _wall_offset(self, millis: int) -> int:
        if self.zone is UTC:
            return 0
        return (_moment(millis).astimezone(self.zone).utcoffset() or timedelta()) // _MS

    def _to_wall(self, millis: int) -> datetime:
        return _moment(millis).astimezone(self.zone).replace(tzinfo=None)

    def _to_utc(self, wall: datetime) -> int:
        # A wall time that a change of the clock skips becomes the first moment after it, as fold=0 reads it.
        return (wall.replace(tzinfo=self.zone) - _EPOCH) // _MS

    def _clock_start(self, millis: int, unit: int) -> int:
        offset = self._wall_offset(millis)
        return (millis + offset) // unit * unit - offset

    def _fixed_start(self, millis: int, length: int) -> int:
        offset = self._wall_offset(millis)
        wall = (millis + offset) // length * length
        start = wall - offset
        if self._wall_offset(start) == offset:
            return start
        return min(self._to_utc(_NAIVE_EPOCH + timedelta(milliseconds=wall)), millis)

    def _fixed_next(self, key: int, length: int) -> int:
        following = self._fixed_start(key + length, length)
        # Where the clock is put back, a whole interval later is still in the same bucket.
        return following if following > key else self._fixed_start(key + 2 * length, length)


def _moment(millis: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=millis)


def _floor(wall: datetime, unit: str) -> datetime:
    day = wall.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "day":
        return day
    if unit == "week":  # ISO 8601: Monday
        return day - timedelta(days=day.weekday())
    months = _MONTHS[unit]
    return day.replace(day=1, month=(day.month - 1) // months * months + 1)


def _add(wall: datetime, unit: str) -> datetime:
    if unit in ("day", "week"):
        return wall + timedelta(days=7 if unit == "week" else 1)
    month = wall.month - 1 + _MONTHS[unit]
    return wall.replace(year=wall.year + month // 12, month=month % 12 + 1)
