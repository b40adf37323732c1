"""Values as Elasticsearch reads and writes them: Java's doubles, dates in a zone and a format."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

from common_apps.queries.language.dates import parse_date_millis
from response_site.search.documents import Value
from response_site.search.mapping import Field
from response_site.search.tantivy_engine.term_level import as_number, as_text

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The calendar repeats after 400 years; sums of dates lie beyond the years that datetime knows.
_CYCLE_YEARS = 400
_CYCLE_MS = 146_097 * 86_400_000
_FIRST_MS = -62_135_596_800_000  # 0001-01-01
_LAST_MS = 253_402_300_799_999  # 9999-12-31


def typed(field: Field, given: Any) -> Value:
    """A value that a request gives for a field, as the field's column holds it."""
    if field.is_keyword or field.is_text:
        return as_text(given)
    if field.is_date:
        return parse_date_millis(given)
    number = as_number(given)
    return int(number) if field.is_integer else float(number)


def key_head(field: Field, value: Value) -> dict[str, Any]:
    """The key of a bucket of one value."""
    if field.is_date:
        return {"key": value, "key_as_string": date_text(int(value))}
    return {"key": value}


def metric(field: Field, value: float | None, *, prefix: str = "value") -> dict[str, Any]:
    """A metric's value, with its text for a date; None stands for no value at all."""
    if value is None or not field.is_date:
        return {prefix: value}
    return {prefix: value, f"{prefix}_as_string": date_text(math.trunc(value))}


def java_double(value: float) -> str:
    """``Double.toString``: 5.0, 1.0E7, 1.234E-5."""
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(float(value)) if "e" not in repr(float(value)) else f"{Decimal(repr(value)):f}"
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    sign, digits, exponent = Decimal(repr(float(value))).normalize().as_tuple()
    text = "".join(map(str, digits))
    power = int(exponent) + len(digits) - 1
    return f"{'-' if sign else ''}{text[0]}.{text[1:] or '0'}E{power}"


def date_text(millis: int, *, zone: tzinfo = UTC, pattern: str | None = None) -> str:
    """A date in a zone: ``2024-05-31T00:00:00.000Z``, or by one of the language's patterns."""
    cycles = 0
    if not _FIRST_MS <= millis <= _LAST_MS:
        cycles = (millis - _FIRST_MS) // _CYCLE_MS
    moment = _EPOCH + timedelta(milliseconds=millis - cycles * _CYCLE_MS)
    if zone is not UTC and timedelta(days=1) < moment - _EPOCH.replace(year=1) < timedelta(days=3_652_057):
        moment = moment.astimezone(zone)
    year = moment.year + cycles * _CYCLE_YEARS
    year_text = f"{year:04d}" if 0 <= year <= 9999 else f"{year:+05d}"
    if pattern == "yyyy":
        return year_text
    if pattern == "yyyy-MM":
        return f"{year_text}-{moment:%m}"
    if pattern == "yyyy-MM-dd":
        return f"{year_text}-{moment:%m-%d}"
    offset = moment.strftime("%z")
    zone_text = "Z" if offset in ("+0000", "") else f"{offset[:3]}:{offset[3:5]}"
    return f"{year_text}-{moment:%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}{zone_text}"
