"""Every aggregation and every option counts what a reading of the JSON lines counts."""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.plain.search.conftest import Ask, Document, tokens


def aggregate(ask: Ask, spec: Document, query: Document | None = None) -> Any:
    return ask(query, aggs={"it": spec}, size=0)["aggregations"]["it"]


def counts(result: Document) -> dict[Any, int]:
    return {bucket["key"]: bucket["doc_count"] for bucket in result["buckets"]}


def ranked(counter: Counter[Any]) -> list[tuple[Any, int]]:
    return sorted(counter.items(), key=lambda pair: (-pair[1], pair[0]))


def millis(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000)


# --- metrics


def test_metrics_are_exact_when_over_everything(ask: Ask, documents: list[Document]) -> None:
    amounts = [document["amount"] for document in documents]
    total = math.fsum(amounts)
    assert aggregate(ask, {"sum": {"field": "amount"}}) == {"value": total}
    assert aggregate(ask, {"avg": {"field": "amount"}})["value"] == pytest.approx(total / 9855, rel=1e-12)
    assert aggregate(ask, {"min": {"field": "amount"}}) == {"value": min(amounts)}
    assert aggregate(ask, {"max": {"field": "amount"}}) == {"value": max(amounts)}
    assert aggregate(ask, {"value_count": {"field": "amount"}}) == {"value": 9855}
    stats = aggregate(ask, {"stats": {"field": "amount"}})
    assert list(stats) == ["count", "min", "max", "avg", "sum"]
    assert (stats["count"], stats["sum"], stats["max"]) == (9855, total, max(amounts))


def test_metrics_are_null_or_zero_when_nothing_matches(ask: Ask) -> None:
    nothing = {"term": {"contractor": "nobody at all"}}
    answers = {kind: aggregate(ask, {kind: {"field": "amount"}}, nothing) for kind in ("sum", "avg", "min", "max")}
    assert answers == {"sum": {"value": 0.0}, "avg": {"value": None}, "min": {"value": None}, "max": {"value": None}}
    assert aggregate(ask, {"stats": {"field": "amount"}}, nothing) == {
        "count": 0,
        "min": None,
        "max": None,
        "avg": None,
        "sum": 0.0,
    }
    assert aggregate(ask, {"cardinality": {"field": "area"}}, nothing) == {"value": 0}
    assert set(aggregate(ask, {"percentiles": {"field": "amount"}}, nothing)["values"].values()) == {None}


def test_metric_of_dates_has_text_when_there_is_a_value(ask: Ask) -> None:
    assert aggregate(ask, {"min": {"field": "award_date"}}) == {
        "value": float(millis("2022-07-01")),
        "value_as_string": "2022-07-01T00:00:00.000Z",
    }
    stats = aggregate(ask, {"stats": {"field": "award_date"}})
    assert stats["max_as_string"] == "2025-05-30T00:00:00.000Z"
    assert {"min_as_string", "avg_as_string", "sum_as_string"} <= stats.keys()


def test_cardinality_is_exact_when_counted_over_a_query(ask: Ask, documents: list[Document]) -> None:
    dikes = {d["contractor"] for d in documents if "dike" in tokens(d["title"])}
    assert aggregate(ask, {"cardinality": {"field": "contractor"}}, {"match": {"title": "dike"}}) == {
        "value": len(dikes)
    }


def test_percentiles_interpolate_when_between_ranks(ask: Ask, documents: list[Document]) -> None:
    amounts = [document["amount"] for document in documents]
    values = aggregate(ask, {"percentiles": {"field": "amount"}})["values"]
    assert list(values) == ["1.0", "5.0", "25.0", "50.0", "75.0", "95.0", "99.0"]
    hundredths = statistics.quantiles(amounts, n=100, method="inclusive")
    for percent in (1, 5, 25, 50, 75, 95, 99):
        assert values[f"{percent}.0"] == pytest.approx(hundredths[percent - 1], rel=1e-9)
    listed = aggregate(ask, {"percentiles": {"field": "amount", "percents": [0, 99.9, 100], "keyed": False}})
    assert [entry["key"] for entry in listed["values"]] == [0.0, 99.9, 100.0]
    assert (listed["values"][0]["value"], listed["values"][2]["value"]) == (min(amounts), max(amounts))


# --- terms


def test_terms_are_ordered_by_count_then_key_when_not_told(ask: Ask, documents: list[Document]) -> None:
    expected = ranked(Counter(document["contractor"] for document in documents))
    result = aggregate(ask, {"terms": {"field": "contractor", "size": 1000}})
    assert [(bucket["key"], bucket["doc_count"]) for bucket in result["buckets"]] == expected[:1000]
    assert result["sum_other_doc_count"] == sum(count for _, count in expected[1000:])
    assert result["doc_count_error_upper_bound"] == 0
    assert len(aggregate(ask, {"terms": {"field": "contractor"}})["buckets"]) == 10


@pytest.mark.parametrize(
    ("order", "key"),
    [
        ({"_key": "desc"}, lambda pair: (*(-ord(char) for char in pair[0]), 1)),
        ({"_count": "asc"}, lambda pair: (len(pair[1]), pair[0])),
        ({"total": "desc"}, lambda pair: (-math.fsum(pair[1]), pair[0])),
        ([{"figures.min": "asc"}, {"_key": "asc"}], lambda pair: (min(pair[1]), pair[0])),
        ([{"_count": "desc"}, {"total": "asc"}], lambda pair: (-len(pair[1]), math.fsum(pair[1]))),
    ],
)
def test_terms_follow_the_order_when_one_is_given(ask: Ask, documents: list[Document], order: Any, key: Any) -> None:
    amounts = defaultdict(list)
    for document in documents:
        amounts[document["organization"]].append(document["amount"])
    result = aggregate(
        ask,
        {
            "terms": {"field": "organization", "size": 30, "order": order},
            "aggs": {"total": {"sum": {"field": "amount"}}, "figures": {"stats": {"field": "amount"}}},
        },
    )
    expected = sorted(amounts.items(), key=key)[:30]
    assert [bucket["key"] for bucket in result["buckets"]] == [name for name, _ in expected]
    assert result["buckets"][0]["total"]["value"] == pytest.approx(math.fsum(expected[0][1]))


def test_terms_leave_out_what_is_excluded_when_lists_are_given(ask: Ask, documents: list[Document]) -> None:
    counter = Counter(document["contractor"] for document in documents)
    spec = {"field": "contractor", "include": ["QM BUILDERS", "WAWAO BUILDERS", "x"], "exclude": ["WAWAO BUILDERS"]}
    assert counts(aggregate(ask, {"terms": spec})) == {"QM BUILDERS": counter["QM BUILDERS"]}
    many = aggregate(ask, {"terms": {"field": "contractor", "min_doc_count": 40, "size": 100}})
    assert counts(many) == {name: count for name, count in counter.items() if count >= 40}


def test_terms_show_empty_buckets_when_min_doc_count_is_zero(ask: Ask, documents: list[Document]) -> None:
    offices = sorted({document["organization"] for document in documents})
    result = aggregate(
        ask,
        {"terms": {"field": "organization", "size": 1000, "min_doc_count": 0, "order": {"_key": "asc"}}},
        {"term": {"organization": offices[3]}},
    )
    assert [bucket["key"] for bucket in result["buckets"]] == offices
    assert sum(bucket["doc_count"] > 0 for bucket in result["buckets"]) == 1


def test_terms_have_number_and_date_keys_when_the_field_is_one(ask: Ask, documents: list[Document]) -> None:
    amount = aggregate(ask, {"terms": {"field": "amount", "size": 5}})
    assert list(counts(amount).items()) == ranked(Counter(d["amount"] for d in documents))[:5]
    day = aggregate(ask, {"terms": {"field": "award_date", "size": 3}})
    expected = ranked(Counter(d["award_date"] for d in documents))[:3]
    assert [(b["key"], b["key_as_string"], b["doc_count"]) for b in day["buckets"]] == [
        (millis(text), f"{text}T00:00:00.000Z", count) for text, count in expected
    ]


# --- histograms


def test_histogram_fills_gaps_when_min_doc_count_is_zero(ask: Ask, documents: list[Document]) -> None:
    width, offset = 10_000_000, 2_500_000
    counter = Counter(math.floor((d["amount"] - offset) / width) * width + offset for d in documents)
    result = aggregate(ask, {"histogram": {"field": "amount", "interval": width, "offset": offset}})
    assert [bucket["key"] for bucket in result["buckets"]] == [
        float(key) for key in range(int(min(counter)), int(max(counter)) + 1, width)
    ]
    assert {key: count for key, count in counts(result).items() if count} == counter
    some = aggregate(ask, {"histogram": {"field": "amount", "interval": width, "offset": offset, "min_doc_count": 5}})
    assert counts(some) == {key: count for key, count in counter.items() if count >= 5}


def test_histogram_reaches_its_bounds_when_extended_and_keyed(ask: Ask) -> None:
    spec = {"field": "amount", "interval": 5e7, "extended_bounds": {"min": -1e8, "max": 5e8}, "keyed": True}
    result = aggregate(ask, {"histogram": spec}, {"range": {"amount": {"lt": 5e7}}})
    keys = ["-1.0E8", "-5.0E7", "0.0", "5.0E7", "1.0E8", "1.5E8", "2.0E8", "2.5E8", "3.0E8", "3.5E8"]
    assert list(result["buckets"]) == [*keys, "4.0E8", "4.5E8", "5.0E8"]
    assert result["buckets"]["5.0E7"] == {"key": 5e7, "doc_count": 0}


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


UNITS = {
    "day": lambda day: day,
    "week": _monday,
    "month": lambda day: day.replace(day=1),
    "quarter": lambda day: day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1),
    "year": lambda day: day.replace(month=1, day=1),
}


@pytest.mark.parametrize("unit", UNITS)
def test_date_histogram_counts_calendar_units_when_asked(ask: Ask, documents: list[Document], unit: str) -> None:
    counter = Counter(millis(UNITS[unit](date.fromisoformat(d["award_date"])).isoformat()) for d in documents)
    result = aggregate(ask, {"date_histogram": {"field": "award_date", "calendar_interval": unit}})
    assert {key: count for key, count in counts(result).items() if count} == counter
    keys = [bucket["key"] for bucket in result["buckets"]]
    assert (keys[0], keys[-1]) == (min(counter), max(counter))
    assert keys == sorted(set(keys))
    assert result["buckets"][0]["key_as_string"].endswith("T00:00:00.000Z")


MONTHS = {"field": "award_date", "calendar_interval": "month"}


@pytest.mark.parametrize("zone", ["Asia/Manila", "America/New_York", "+03:30"])
def test_date_histogram_begins_months_in_its_zone_when_given_one(
    ask: Ask, documents: list[Document], zone: str
) -> None:
    tz: Any = ZoneInfo(zone) if "/" in zone else datetime.strptime(zone, "%z").tzinfo
    counter: Counter[int] = Counter()
    for document in documents:
        local = datetime.fromisoformat(document["award_date"]).replace(tzinfo=UTC).astimezone(tz)
        start = local.replace(day=1, hour=0, minute=0, second=0, tzinfo=None).replace(tzinfo=tz)
        counter[int(start.timestamp() * 1000)] += 1
    result = aggregate(
        ask,
        {
            "date_histogram": {
                "field": "award_date",
                "calendar_interval": "month",
                "time_zone": zone,
                "format": "yyyy-MM",
            }
        },
    )
    assert {key: count for key, count in counts(result).items() if count} == counter
    first = datetime.fromtimestamp(min(counter) / 1000, tz)
    assert result["buckets"][0]["key_as_string"] == f"{first:%Y-%m}"


def test_date_histogram_keeps_an_hour_twice_when_the_clock_goes_back(tmp_path: Any) -> None:
    from response_site.search.tantivy_engine.aggregations.rounding import Rounding

    hours = Rounding({"calendar_interval": "hour", "time_zone": "America/New_York"})
    first = millis("2024-11-03T05:30:00")  # 01:30 EDT, and an hour later 01:30 EST
    assert hours.start(first) == millis("2024-11-03T05:00:00")
    assert hours.next(hours.start(first)) == hours.start(first + 3_600_000) == millis("2024-11-03T06:00:00")
    days = Rounding({"calendar_interval": "day", "time_zone": "America/Sao_Paulo"})
    skipped = millis("2018-11-04T12:00:00")  # midnight of that day did not exist there
    assert days.start(skipped) == millis("2018-11-04T03:00:00")


def test_date_histogram_takes_fixed_lengths_when_asked(ask: Ask, documents: list[Document]) -> None:
    length = 90 * 86_400_000
    counter = Counter(millis(d["award_date"]) // length * length for d in documents)
    result = aggregate(ask, {"date_histogram": {"field": "award_date", "fixed_interval": "90d", "min_doc_count": 1}})
    assert counts(result) == counter
    moved = aggregate(
        ask,
        {"date_histogram": {"field": "award_date", "calendar_interval": "month", "offset": "+6h", "min_doc_count": 1}},
    )
    assert all(bucket["key_as_string"].endswith("T06:00:00.000Z") for bucket in moved["buckets"])
    assert sum(counts(moved).values()) == 9855


def test_date_histogram_reaches_its_bounds_when_extended_and_keyed(ask: Ask) -> None:
    spec = {
        "field": "award_date",
        "calendar_interval": "year",
        "format": "yyyy",
        "keyed": True,
        "extended_bounds": {"min": "2020-05-05", "max": "2027-01-01"},
    }
    result = aggregate(ask, {"date_histogram": spec}, {"term": {"award_date": "2023-12-15"}})
    assert list(result["buckets"]) == [str(year) for year in range(2020, 2028)]
    assert result["buckets"]["2020"] == {"key_as_string": "2020", "key": millis("2020-01-01"), "doc_count": 0}


# --- buckets by condition


def test_ranges_have_elasticsearchs_keys_when_unnamed(ask: Ask, documents: list[Document]) -> None:
    spec = {"field": "amount", "ranges": [{"from": 1e7, "to": 5e7}, {"to": 1e7}, {"key": "large", "from": 5e7}]}
    result = aggregate(ask, {"range": spec})
    assert result["buckets"] == [
        {"key": "*-1.0E7", "to": 1e7, "doc_count": sum(d["amount"] < 1e7 for d in documents)},
        {"key": "1.0E7-5.0E7", "from": 1e7, "to": 5e7, "doc_count": sum(1e7 <= d["amount"] < 5e7 for d in documents)},
        {"key": "large", "from": 5e7, "doc_count": sum(d["amount"] >= 5e7 for d in documents)},
    ]
    keyed = aggregate(ask, {"range": {**spec, "keyed": True}})["buckets"]
    assert list(keyed) == ["*-1.0E7", "1.0E7-5.0E7", "large"]
    assert "key" not in keyed["large"]


def test_date_range_has_texts_when_answered(ask: Ask, documents: list[Document]) -> None:
    result = aggregate(
        ask, {"date_range": {"field": "award_date", "ranges": [{"from": "2023-01-01", "to": "2024-01-01"}]}}
    )
    assert result["buckets"] == [
        {
            "key": "2023-01-01T00:00:00.000Z-2024-01-01T00:00:00.000Z",
            "from": float(millis("2023-01-01")),
            "from_as_string": "2023-01-01T00:00:00.000Z",
            "to": float(millis("2024-01-01")),
            "to_as_string": "2024-01-01T00:00:00.000Z",
            "doc_count": sum(d["award_date"].startswith("2023") for d in documents),
        }
    ]


def test_filters_count_each_clause_when_named_or_listed(ask: Ask, documents: list[Document]) -> None:
    dike = sum("dike" in tokens(d["title"]) for d in documents)
    large = sum(d["amount"] >= 5e7 for d in documents)
    neither = sum("dike" not in tokens(d["title"]) and d["amount"] < 5e7 for d in documents)
    clauses = {"dike": {"match": {"title": "dike"}}, "large": {"range": {"amount": {"gte": 5e7}}}}
    named = aggregate(ask, {"filters": {"filters": clauses, "other_bucket_key": "rest"}})
    assert named["buckets"] == {
        "dike": {"doc_count": dike},
        "large": {"doc_count": large},
        "rest": {"doc_count": neither},
    }
    listed = aggregate(ask, {"filters": {"filters": list(clauses.values())}})
    assert listed["buckets"] == [{"doc_count": dike}, {"doc_count": large}]
    assert aggregate(ask, {"filter": clauses["dike"]}) == {"doc_count": dike}
    assert aggregate(ask, {"missing": {"field": "area"}}) == {"doc_count": 0}


def test_levels_count_within_their_bucket_when_nested(ask: Ask, documents: list[Document]) -> None:
    groups: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for document in documents:
        groups[document["award_date"][:4]][document["area"]].append(document["amount"])
    result = aggregate(
        ask,
        {
            "date_histogram": {"field": "award_date", "calendar_interval": "year", "format": "yyyy"},
            "aggs": {
                "areas": {
                    "terms": {"field": "area", "size": 3},
                    "aggs": {"total": {"sum": {"field": "amount"}}},
                }
            },
        },
    )
    for bucket in result["buckets"]:
        areas = groups[bucket["key_as_string"]]
        expected = sorted(areas.items(), key=lambda pair: (-len(pair[1]), pair[0]))[:3]
        assert [(area["key"], area["doc_count"]) for area in bucket["areas"]["buckets"]] == [
            (name, len(amounts)) for name, amounts in expected
        ]
        assert bucket["areas"]["buckets"][0]["total"]["value"] == pytest.approx(math.fsum(expected[0][1]))


def test_top_hits_show_the_first_of_each_bucket_when_sorted(ask: Ask, documents: list[Document]) -> None:
    result = aggregate(
        ask,
        {
            "terms": {"field": "contractor", "size": 2},
            "aggs": {"best": {"top_hits": {"size": 2, "from": 1, "sort": [{"amount": "desc"}], "_source": ["amount"]}}},
        },
    )
    for bucket in result["buckets"]:
        amounts = sorted((d["amount"] for d in documents if d["contractor"] == bucket["key"]), reverse=True)
        hits = bucket["best"]["hits"]
        assert hits["total"] == {"value": bucket["doc_count"], "relation": "eq"}
        assert [hit["_source"] for hit in hits["hits"]] == [{"amount": amount} for amount in amounts[1:3]]
        assert [hit["sort"] for hit in hits["hits"]] == [[amount] for amount in amounts[1:3]]
        assert hits["max_score"] is None


def test_top_hits_are_scored_when_not_sorted(ask: Ask) -> None:
    answer = ask({"match": {"title": "revetment wall"}}, aggs={"best": {"top_hits": {"size": 1}}}, size=1)
    top = answer["aggregations"]["best"]["hits"]
    assert top["hits"][0]["_id"] == answer["hits"]["hits"][0]["_id"]
    assert top["max_score"] == answer["hits"]["max_score"]
