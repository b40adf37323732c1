"""What the language refuses in aggregations: each rule with the place, the code, and a word of the cure."""

from __future__ import annotations

from typing import Any

import pytest

from tests.plain.language.refusing import AGG, refused

DAY = {"calendar_interval": "day"}
STEPS = {"field": "amount", "interval": 5}
STATS = {"b": {"stats": {"field": "amount"}}}


def over_dates(options: dict[str, Any]) -> dict[str, Any]:
    return {"date_histogram": {"field": "award_date", **options}}


# (the aggregation called "a", the pointer behind /query_params/aggs/a, the code, a part of the detail)
AGGREGATIONS: list[tuple[Any, str, str, str]] = [
    (None, "", "wrong_type", "null"),
    ({}, "", "empty", "sum"),
    ({"aggs": {"b": AGG}}, "", "required", "kind"),
    ({"sum": {"field": "amount"}, "avg": {"field": "amount"}}, "", "conflict", "one kind"),
    ({"term": {"field": "area"}}, "/term", "unknown_aggregation", "'terms'"),
    ({"scripted_metric": {}}, "/scripted_metric", "unknown_aggregation", "scripted_metric"),
    ({"terms": {"field": "area"}, "meta": {}}, "/meta", "unknown_aggregation", "meta"),
    ({"terms": {"field": "area"}, "aggs": {}, "aggregations": {}}, "/aggregations", "conflict", "one"),
    ({"terms": {}}, "/terms/field", "required", "'field'"),
    ({"terms": None}, "/terms", "wrong_type", "null"),
    ({"terms": {"field": "title"}}, "/terms/field", "field_type", "text"),
    ({"terms": {"field": "contractor.text"}}, "/terms/field", "field_type", "use 'contractor'"),
    ({"terms": {"field": "aera"}}, "/terms/field", "unknown_field", "'area'"),
    ({"terms": {"field": "area", "size": 0}}, "/terms/size", "out_of_range", "1000"),
    ({"terms": {"field": "area", "size": 1001}}, "/terms/size", "out_of_range", "1000"),
    ({"terms": {"field": "area", "sise": 5}}, "/terms/sise", "unknown_key", "'size'"),
    ({"terms": {"field": "area", "min_doc_count": -1}}, "/terms/min_doc_count", "out_of_range", "0"),
    ({"terms": {"field": "area", "missing": 5}}, "/terms/missing", "wrong_type", "text"),
    ({"terms": {"field": "area", "include": "A.*"}}, "/terms/include", "wrong_type", "a list"),
    ({"terms": {"field": "amount", "exclude": [1, "x"]}}, "/terms/exclude/1", "invalid_value", "decimal"),
    ({"terms": {"field": "area", "order": {"total": "desc"}}}, "/terms/order", "invalid_value", "_count, _key"),
    ({"terms": {"field": "area", "order": {"_key": "up"}}}, "/terms/order/_key", "invalid_value", "asc"),
    ({"terms": {"field": "area", "order": []}}, "/terms/order", "empty", "1"),
    ({"terms": {"field": "area", "order": {"_key": "asc", "_count": "asc"}}}, "/terms/order", "wrong_type", "one key"),
    ({"terms": {"field": "area", "order": {"b": "asc"}}, "aggs": STATS}, "/terms/order", "invalid_value", "b.avg"),
    ({"sum": {"field": "area"}}, "/sum/field", "field_type", "number, date"),
    ({"sum": {"field": "amount", "missing": "none"}}, "/sum/missing", "invalid_value", "decimal"),
    ({"sum": {"field": "amount"}, "aggs": {"b": AGG}}, "/aggs", "not_allowed", "no buckets"),
    ({"top_hits": {}, "aggregations": {"b": AGG}}, "/aggregations", "not_allowed", "no buckets"),
    ({"cardinality": {"field": "area", "missing": "x"}}, "/cardinality/missing", "unknown_key", "field"),
    ({"value_count": {"field": "title"}}, "/value_count/field", "field_type", "text"),
    ({"percentiles": {"field": "amount", "percents": []}}, "/percentiles/percents", "empty", "1"),
    ({"percentiles": {"field": "amount", "percents": [101]}}, "/percentiles/percents/0", "out_of_range", "100"),
    ({"percentiles": {"field": "amount", "percents": ["5"]}}, "/percentiles/percents/0", "wrong_type", "100"),
    ({"percentiles": {"field": "amount", "percents": [1] * 21}}, "/percentiles/percents", "too_many", "20"),
    ({"histogram": {"field": "amount"}}, "/histogram/interval", "required", "'interval'"),
    ({"histogram": {"field": "award_date", "interval": 1}}, "/histogram/field", "field_type", "date"),
    ({"histogram": {"field": "amount", "interval": 0}}, "/histogram/interval", "out_of_range", "above 0"),
    ({"histogram": {"field": "amount", "interval": "5"}}, "/histogram/interval", "wrong_type", "number"),
    ({"histogram": STEPS | {"extended_bounds": {"min": 1}}}, "/histogram/extended_bounds/max", "required", "max"),
    (
        {"histogram": STEPS | {"extended_bounds": {"min": 2, "max": 1}}},
        "/histogram/extended_bounds/min",
        "conflict",
        "above",
    ),
    (over_dates({}), "/date_histogram", "required", "calendar_interval"),
    (over_dates({**DAY, "interval": "month"}), "/date_histogram/interval", "unknown_key", "_interval"),
    (over_dates({"calendar_interval": "1M"}), "/date_histogram/calendar_interval", "invalid_value", "month"),
    (over_dates({**DAY, "fixed_interval": "1d"}), "/date_histogram/fixed_interval", "conflict", "one of"),
    (over_dates({"fixed_interval": "1M"}), "/date_histogram/fixed_interval", "invalid_value", "90d"),
    (over_dates({"fixed_interval": "0d"}), "/date_histogram/fixed_interval", "out_of_range", "longer"),
    (over_dates({"fixed_interval": "-1d"}), "/date_histogram/fixed_interval", "out_of_range", "longer"),
    (over_dates({"fixed_interval": "99999999999d"}), "/date_histogram/fixed_interval", "invalid_value", "at most"),
    (over_dates({"fixed_interval": 5}), "/date_histogram/fixed_interval", "wrong_type", "text"),
    (over_dates({**DAY, "format": "YYYY"}), "/date_histogram/format", "invalid_value", "yyyy"),
    (over_dates({**DAY, "time_zone": "Tehran"}), "/date_histogram/time_zone", "invalid_value", "Asia/Tehran"),
    (over_dates({**DAY, "time_zone": "+19:00"}), "/date_histogram/time_zone", "invalid_value", "18"),
    (over_dates({**DAY, "time_zone": "../../etc/passwd"}), "/date_histogram/time_zone", "invalid_value", "zone"),
    (over_dates({**DAY, "offset": 5}), "/date_histogram/offset", "wrong_type", "text"),
    (
        over_dates({**DAY, "extended_bounds": {"min": "now", "max": 1}}),
        "/date_histogram/extended_bounds/min",
        "invalid_value",
        "date",
    ),
    (
        {"date_histogram": {"field": "amount", "calendar_interval": "day"}},
        "/date_histogram/field",
        "field_type",
        "double",
    ),
    ({"range": {"field": "amount"}}, "/range/ranges", "required", "'ranges'"),
    ({"range": {"field": "amount", "ranges": []}}, "/range/ranges", "empty", "1"),
    ({"range": {"field": "amount", "ranges": [{"key": "x"}]}}, "/range/ranges/0", "required", "from"),
    ({"range": {"field": "amount", "ranges": [{"form": 1, "to": 2}]}}, "/range/ranges/0/form", "unknown_key", "'from'"),
    ({"range": {"field": "amount", "ranges": [{"to": None}]}}, "/range/ranges/0/to", "wrong_type", "null"),
    ({"range": {"field": "amount", "ranges": [{"to": 1}] * 51}}, "/range/ranges", "too_many", "50"),
    ({"range": {"field": "award_date", "ranges": [{"to": 1}]}}, "/range/field", "field_type", "date"),
    (
        {"date_range": {"field": "award_date", "ranges": [{"to": "now"}]}},
        "/date_range/ranges/0/to",
        "invalid_value",
        "date",
    ),
    ({"filter": {}}, "/filter", "empty", "clause"),
    ({"filter": {"match": {"titel": "a"}}}, "/filter/match/titel", "unknown_field", "'title'"),
    ({"filters": {}}, "/filters/filters", "required", "'filters'"),
    ({"filters": {"filters": {}}}, "/filters/filters", "empty", "50"),
    ({"filters": {"filters": []}}, "/filters/filters", "empty", "1"),
    ({"filters": {"filters": {"x": {}}}}, "/filters/filters/x", "empty", "clause"),
    (
        {"filters": {"filters": {"x": {"match_all": {}}}, "other_bucket_key": "x"}},
        "/filters/other_bucket_key",
        "conflict",
        "already",
    ),
    ({"missing": {"field": "title"}}, "/missing/field", "field_type", "text"),
    ({"top_hits": {"size": 11}}, "/top_hits/size", "out_of_range", "10"),
    ({"top_hits": {"size": 10, "from": 91}}, "/top_hits/from", "out_of_range", "100"),
    ({"top_hits": {"sort": "title"}}, "/top_hits/sort", "field_type", "text"),
    ({"top_hits": {"_source": "titel"}}, "/top_hits/_source", "unknown_field", "'title'"),
    ({"top_hits": {"highlight": {}}}, "/top_hits/highlight", "unknown_key", "size"),
]


@pytest.mark.parametrize(("aggregation", "pointer", "code", "part"), AGGREGATIONS)
def test_aggregation_is_refused_at_its_place_when_a_rule_is_broken(
    aggregation: Any, pointer: str, code: str, part: str
) -> None:
    errors = refused("aggregation", aggs={"a": aggregation})
    assert [(error.pointer, error.code) for error in errors] == [("/query_params/aggs/a" + pointer, code)]
    assert part in errors[0].detail


@pytest.mark.parametrize("params", [{}, {"aggs": {}}, {"aggregations": {}}])
def test_aggregation_is_refused_when_it_has_no_aggregations(params: dict[str, Any]) -> None:
    [error] = refused("aggregation", **params)
    assert (error.pointer, error.code) == ("/query_params/aggs", "required")


def test_aggregation_limits_count_the_whole_tree_when_it_branches() -> None:
    inner = {f"i{n}": AGG for n in range(8)}
    errors = refused("aggregation", aggs={f"o{n}": {"terms": {"field": "area"}, "aggs": inner} for n in range(2)})
    assert [(error.pointer, error.code) for error in errors] == [("/query_params/aggs/o1/aggs/i6", "too_many")]
