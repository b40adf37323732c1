"""The aggregations over one field, as data: their options, the fields they work on, whether others lie beneath."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from common_apps.queries.language import dates, intervals
from common_apps.queries.language.errors import quoted
from common_apps.queries.language.fields import COUNTABLE, DATE, NUMBER, ORDERED, Family
from common_apps.queries.language.limits import LIMITS
from common_apps.queries.language.options import Option, choice, flag, integer, number, read_list, read_options, text
from common_apps.queries.language.values import Value, finite, normalize_number, read_bound, read_bucket_value
from common_apps.queries.language.walk import Place, type_name

Json = Any
Options = dict[str, Json]
Finish = Callable[[Place, Options, Options], None]


def _no_finish(place: Place, given: Options, normal: Options) -> None:
    """Every option stands for itself."""


@dataclass(frozen=True, slots=True)
class FieldAggregation:
    """``{NAME: {"field": F, ...options}}``.

    ``finish(place, given, normal)`` judges what options mean together and may change ``normal``.
    """

    families: frozenset[Family]
    options: dict[str, Option]
    required: tuple[str, ...] = ()
    beneath: bool = False
    finish: Finish = _no_finish


def _read_values(place: Place, value: object) -> list[Value] | None:
    values = read_list(place, value, LIMITS.terms, quoted(place.at.last))
    if values is None:
        return None
    read = [read_bucket_value(place / index, item) for index, item in enumerate(values)]
    return sorted({item for item in read if item is not None}, key=lambda item: (isinstance(item, str), item))


def _read_percents(place: Place, value: object) -> list[float] | None:
    values = read_list(place, value, LIMITS.percents, "'percents'", least=1)
    if values is None:
        return None
    percents = set()
    for index, item in enumerate(values):
        percent = finite(item)
        if percent is None or not 0 <= percent <= 100:
            (place / index).fault(
                "wrong_type" if percent is None else "out_of_range", "a percent is a number from 0 to 100"
            )
        else:
            percents.add(normalize_number(percent))
    return sorted(percents)


def _read_order(place: Place, value: object) -> list[dict[str, str]] | None:
    """One order or a list of them; whether a name is a metric beneath is judged when those have been read."""
    if isinstance(value, dict):
        named = [(place, value)]
    else:
        orders = read_list(place, value, LIMITS.sorts, "'order'", least=1)
        if orders is None:
            return None
        named = [(place / index, order) for index, order in enumerate(orders)]
    found: list[dict[str, str]] = []
    for at, order in named:
        if not isinstance(order, dict) or len(order) != 1:
            at.fault("wrong_type", "an order is {'_count', '_key' or a metric: 'asc' or 'desc'} with one key")
            continue
        [(key, direction)] = order.items()
        checked = DIRECTION.check(at / key, direction)
        if checked:
            found.append({key.removesuffix(".value"): checked})
    return found


def _finish_terms(place: Place, given: Options, normal: Options) -> None:
    orders = normal.get("order")
    if orders is None:
        return
    kept: list[dict[str, str]] = []
    for order in orders:
        kept.append(order)
        if "_key" in order:
            break  # keys are unique: nothing after them decides anything
    if len(kept) > 1 and kept[-1] == {"_key": "asc"}:
        kept.pop()  # Elasticsearch's own tie-breaker
    if kept == [{"_count": "desc"}]:
        del normal["order"]
    else:
        normal["order"] = kept


def _read_span(place: Place, value: object, *, positive: bool) -> str | None:
    name = quoted(place.at.last)
    if not isinstance(value, str):
        place.fault("wrong_type", f"{name} is a text such as '12h', not {type_name(value)}")
        return None
    try:
        millis = intervals.parse_span(value)
    except ValueError as error:
        place.fault("invalid_value", f"{name}: {error}")
        return None
    if positive and millis <= 0:
        place.fault("out_of_range", f"{name} is longer than nothing")
        return None
    return intervals.format_span(millis) if millis else ""


def _read_zone(place: Place, value: object) -> str | None:
    if not isinstance(value, str):
        place.fault("wrong_type", f"'time_zone' is a text, not {type_name(value)}")
        return None
    try:
        return intervals.normalize_zone(value)
    except ValueError as error:
        place.fault("invalid_value", str(error))
        return None


def _read_number_bounds(place: Place, value: object) -> Options | None:
    bounds = read_options(place, value, {"min": number(), "max": number()}, "'extended_bounds'", ["min", "max"])
    return _ordered_bounds(place, bounds)


def _ordered_bounds(place: Place, bounds: Options) -> Options | None:
    if len(bounds) < 2:
        return None
    if bounds["min"] > bounds["max"]:
        (place / "min").fault("conflict", "'extended_bounds': min lies above max")
        return None
    return bounds


def _read_date_bounds(place: Place, value: object, zone: str) -> Options | None:
    """Bounds as epoch milliseconds: a text would have to be written in the aggregation's ``format``."""

    def read(at: Place, item: object) -> int | None:
        try:
            return dates.parse_date_millis(item, zone=intervals.read_zone(zone))
        except dates.InvalidDateError as error:
            at.fault("invalid_value", f"a bound of a date_histogram: {error}")
            return None

    edge = Option(read, {})
    bounds = read_options(place, value, {"min": edge, "max": edge}, "'extended_bounds'", ["min", "max"])
    return _ordered_bounds(place, bounds)


def _drop_idle_bounds(normal: Options) -> None:
    # Elasticsearch adds empty buckets only where min_doc_count is 0, its default.
    if "min_doc_count" in normal:
        normal.pop("extended_bounds", None)


def _finish_histogram(place: Place, given: Options, normal: Options) -> None:
    _drop_idle_bounds(normal)


def _finish_date_histogram(place: Place, given: Options, normal: Options) -> None:
    if ("calendar_interval" in given) == ("fixed_interval" in given):
        both = "calendar_interval" in given
        (place / "fixed_interval" if both else place).fault(
            "conflict" if both else "required", "'date_histogram' takes one of calendar_interval and fixed_interval"
        )
    if "extended_bounds" in given:
        # A bound without an offset lies in the aggregation's zone.
        zone = normal.get("time_zone", "UTC")
        normal["extended_bounds"] = _read_date_bounds(place / "extended_bounds", given["extended_bounds"], zone)
    _drop_idle_bounds(normal)


def _read_ranges(place: Place, value: object) -> list[Options] | None:
    """Ranges in Elasticsearch's order of answering: by from, then by to, an open end coming first and last."""
    ranges = read_list(place, value, LIMITS.ranges, "'ranges'", least=1)
    if ranges is None:
        return None
    edge = Option(read_bound, {})
    read: list[Options] = []
    for index, item in enumerate(ranges):
        at = place / index
        normal = read_options(at, item, {"key": text(nonempty=True), "from": edge, "to": edge}, "a range")
        if isinstance(item, dict) and not {"from", "to"} & item.keys():
            at.fault("required", "a range needs 'from', 'to' or both")
        read.append(normal)
    return sorted(
        read,
        key=lambda item: ("from" in item, item.get("from", 0), "to" not in item, item.get("to", 0)),
    )


DIRECTION = choice(["asc", "desc"], upper=True)
_VALUES: dict[str, Json] = {"type": "array", "maxItems": LIMITS.terms, "items": {"type": ["string", "number"]}}
_EDGE: dict[str, Json] = {"type": ["string", "number"]}
_BOUNDS: dict[str, Json] = {
    "type": "object",
    "properties": {"min": _EDGE, "max": _EDGE},
    "required": ["min", "max"],
    "additionalProperties": False,
}
_ORDER_SCHEMA: dict[str, Json] = {"type": ["object", "array"]}
_SPAN_SCHEMA: dict[str, Json] = {"type": "string", "pattern": "^[+-]?[0-9]+(ms|s|m|h|d)$"}
_RANGES_SCHEMA: dict[str, Json] = {
    "type": "array",
    "minItems": 1,
    "maxItems": LIMITS.ranges,
    "items": {
        "type": "object",
        "properties": {"key": {"type": "string"}, "from": _EDGE, "to": _EDGE},
        "additionalProperties": False,
    },
}

MISSING = Option(read_bucket_value, _EDGE)
_METRIC = FieldAggregation(COUNTABLE, {"missing": MISSING})
_RANGES = {"ranges": Option(_read_ranges, _RANGES_SCHEMA), "keyed": flag(False)}
SINGLE_METRICS = ("sum", "avg", "min", "max", "value_count", "cardinality")
STATS = ("count", "min", "max", "avg", "sum")

FIELD_AGGREGATIONS = {
    "terms": FieldAggregation(
        ORDERED,
        {
            "size": integer(1, LIMITS.terms_size, 10),
            "order": Option(_read_order, _ORDER_SCHEMA),
            "min_doc_count": integer(0, LIMITS.document_count, 1),
            "missing": MISSING,
            "include": Option(_read_values, _VALUES),
            "exclude": Option(_read_values, _VALUES, []),
        },
        beneath=True,
        finish=_finish_terms,
    ),
    **dict.fromkeys(("sum", "avg", "min", "max", "stats"), _METRIC),
    "value_count": FieldAggregation(ORDERED, {"missing": MISSING}),
    "cardinality": FieldAggregation(ORDERED, {}),
    "percentiles": FieldAggregation(
        COUNTABLE,
        {
            "percents": Option(
                _read_percents,
                {"type": "array", "minItems": 1, "maxItems": LIMITS.percents, "items": {"type": "number"}},
                [1, 5, 25, 50, 75, 95, 99],
            ),
            "keyed": flag(True),
        },
    ),
    "histogram": FieldAggregation(
        NUMBER,
        {
            "interval": number(0, above=True),
            "offset": number(default=0),
            "min_doc_count": integer(0, LIMITS.document_count, 0),
            "extended_bounds": Option(_read_number_bounds, _BOUNDS),
            "missing": MISSING,
            "keyed": flag(False),
        },
        required=("interval",),
        beneath=True,
        finish=_finish_histogram,
    ),
    "date_histogram": FieldAggregation(
        DATE,
        {
            "calendar_interval": choice(["minute", "hour", "day", "week", "month", "quarter", "year"]),
            "fixed_interval": Option(partial(_read_span, positive=True), _SPAN_SCHEMA),
            "format": choice(["yyyy-MM-dd", "yyyy-MM", "yyyy"]),
            "time_zone": Option(_read_zone, {"type": "string"}, "UTC"),
            "offset": Option(partial(_read_span, positive=False), _SPAN_SCHEMA, ""),
            "min_doc_count": integer(0, LIMITS.document_count, 0),
            # Its bounds depend on time_zone: `_finish_date_histogram` reads them.
            "extended_bounds": Option(lambda place, value: None, _BOUNDS),
            "keyed": flag(False),
        },
        beneath=True,
        finish=_finish_date_histogram,
    ),
    "range": FieldAggregation(NUMBER, _RANGES, required=("ranges",), beneath=True),
    "date_range": FieldAggregation(DATE, _RANGES, required=("ranges",), beneath=True),
    "missing": FieldAggregation(ORDERED, {}, beneath=True),
}
