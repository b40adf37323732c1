"""Spans of time and zones, as date_histogram takes them."""

from __future__ import annotations

import re
import zoneinfo
from datetime import UTC, tzinfo
from functools import cache

from common_apps.queries.language.dates import parse_offset
from common_apps.queries.language.limits import LIMITS

_SPAN = re.compile(r"([+-]?)([0-9]{1,15})(ms|s|m|h|d)")
_UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}


def parse_span(text: str) -> int:
    """``90d``, ``12h``, ``30m``, ``15s``, ``500ms``, with a sign or without -> milliseconds. Raises `ValueError`."""
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError("a span of time is a whole number and a unit: 90d, 12h, 30m, 15s, 500ms")
    millis = int(found[2]) * _UNITS[found[3]]
    if millis > LIMITS.interval_days * _UNITS["d"]:
        raise ValueError(f"a span of time is at most {LIMITS.interval_days}d")
    return -millis if found[1] == "-" else millis


def format_span(millis: int) -> str:
    """The shortest spelling: 86,400,000 is ``1d``, -5,400,000 ``-90m``."""
    for unit, length in _UNITS.items():
        if millis % length == 0:
            return f"{millis // length}{unit}"
    raise AssertionError("every whole number of milliseconds divides by 1")


def normalize_zone(name: str) -> str:
    """``+0330`` is ``+03:30``, ``Z`` and ``+00:00`` are ``UTC``; a name must be an IANA zone. Raises `ValueError`."""
    if name in ("Z", "UTC"):
        return "UTC"
    if name[:1] in ("+", "-"):
        offset = str(parse_offset(name))
        return offset.removeprefix("UTC") or "UTC"
    if name not in _zone_names():
        raise ValueError("a time_zone is an offset such as '+03:30' or a zone's name such as 'Asia/Tehran'")
    return name


def read_zone(name: str) -> tzinfo:
    """The zone of what `normalize_zone` answers."""
    if name == "UTC":
        return UTC
    if name[0] in "+-":
        return parse_offset(name)
    return zoneinfo.ZoneInfo(name)


@cache
def _zone_names() -> frozenset[str]:
    # Region and city alone: both java.time and the IANA files know these, while short names such as EST differ.
    return frozenset(name for name in zoneinfo.available_timezones() if "/" in name)
