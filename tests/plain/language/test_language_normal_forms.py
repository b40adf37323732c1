"""What the language makes of sound requests: one spelling for what means the same."""

from __future__ import annotations

from typing import Any

import pytest

from common_apps.queries.language import NormalizedRequest, compile_request
from tests.plain.language.vocabulary import FIELDS

M10, M50 = 10_000_000, 50_000_000


def compiled(query_type: str = "aggregation", **params: Any) -> NormalizedRequest:
    if query_type == "aggregation" and not {"aggs", "aggregations"} & params.keys():
        params["aggs"] = {"n": {"value_count": {"field": "area"}}}
    return compile_request(query_type=query_type, query_params={"index": "contracts", **params}, fields=FIELDS)


CLAUSES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"match": {"title": "flood"}}, {"match": {"title": {"query": "flood"}}}),
    ({"match": {"title": ""}}, {"match": {"title": {"query": ""}}}),
    (
        {"match": {"title": {"query": "a b", "operator": "AND", "minimum_should_match": " 2 ", "boost": 2.0}}},
        {"match": {"title": {"query": "a b", "operator": "and", "minimum_should_match": 2, "boost": 2}}},
    ),
    (
        {"match": {"title": {"query": "a", "operator": "or", "fuzziness": "0", "prefix_length": 3, "boost": 1.0}}},
        {"match": {"title": {"query": "a"}}},
    ),
    (
        {"match": {"title": {"query": "a", "fuzziness": "auto", "prefix_length": 3}}},
        {"match": {"title": {"query": "a", "fuzziness": "AUTO", "prefix_length": 3}}},
    ),
    (
        {"match": {"area": {"query": "a b", "operator": "and", "minimum_should_match": 2}}},
        {"match": {"area": {"query": "a b"}}},
    ),
    ({"match": {"amount": "1.5e6"}}, {"match": {"amount": {"query": 1500000}}}),
    ({"match": {"award_date": "2024-05-31"}}, {"match": {"award_date": {"query": "2024-05-31"}}}),
    ({"match_phrase": {"title": {"query": "a", "slop": 0}}}, {"match_phrase": {"title": {"query": "a"}}}),
    ({"match_phrase": {"title": {"query": "a", "slop": 10}}}, {"match_phrase": {"title": {"query": "a", "slop": 10}}}),
    (
        {"multi_match": {"query": "a", "fields": "title", "type": "best_fields", "tie_breaker": 0.0, "slop": 2}},
        {"multi_match": {"query": "a", "fields": ["title"]}},
    ),
    (
        {"multi_match": {"query": "a", "fields": ["title^2", "area^1.0", "notice_title^.5"], "type": "most_fields"}},
        {"multi_match": {"query": "a", "fields": ["area", "notice_title^0.5", "title^2.0"], "type": "most_fields"}},
    ),
    (
        {"multi_match": {"query": "a", "fields": ["title"], "type": "most_fields", "tie_breaker": 1}},
        {"multi_match": {"query": "a", "fields": ["title"], "type": "most_fields"}},
    ),
    (
        {"multi_match": {"query": "a", "fields": ["title"], "type": "phrase", "slop": 2, "operator": "and"}},
        {"multi_match": {"query": "a", "fields": ["title"], "type": "phrase", "slop": 2}},
    ),
    ({"term": {"area": {"value": "a", "case_insensitive": False}}}, {"term": {"area": {"value": "a"}}}),
    ({"term": {"area": ""}}, {"term": {"area": {"value": ""}}}),
    ({"term": {"amount": -0.0}}, {"term": {"amount": {"value": 0}}}),
    ({"term": {"amount": 5.50}}, {"term": {"amount": {"value": 5.5}}}),
    ({"term": {"amount": 10**17}}, {"term": {"amount": {"value": 1e17}}}),
    ({"term": {"amount": {"value": 1, "case_insensitive": False}}}, {"term": {"amount": {"value": 1}}}),
    ({"term": {"award_date": 2024}}, {"term": {"award_date": {"value": "1970-01-01T00:00:02.024Z"}}}),
    ({"terms": {"area": ["b", "a", "b"]}}, {"terms": {"area": ["a", "b"]}}),
    ({"terms": {"amount": [2, "1.0", 1, 0.5]}}, {"terms": {"amount": [0.5, 1, 2]}}),
    ({"terms": {"area": []}}, {"terms": {"area": []}}),
    ({"range": {"amount": {"gte": "1e6", "lt": 5e7}}}, {"range": {"amount": {"gte": 1000000, "lt": 50000000}}}),
    ({"range": {"area": {"gt": "A", "boost": 1}}}, {"range": {"area": {"gt": "A"}}}),
    (
        {"range": {"award_date": {"gte": "2024-05-31", "lte": "2024-05-31"}}},
        {"range": {"award_date": {"gte": "2024-05-31T00:00:00.000Z", "lte": "2024-05-31T23:59:59.999Z"}}},
    ),
    (
        {"range": {"award_date": {"gt": "2024-05-31", "lt": "2024-06-30"}}},
        {"range": {"award_date": {"gt": "2024-05-31T23:59:59.999Z", "lt": "2024-06-30T00:00:00.000Z"}}},
    ),
    (
        {"range": {"award_date": {"gte": "2024-05-31T08:00+03:30"}}},
        {"range": {"award_date": {"gte": "2024-05-31T04:30:00.000Z"}}},
    ),
    ({"bool": {"filter": {"match_all": {}}}}, {"bool": {"filter": [{"match_all": {}}]}}),
    ({"bool": {"must": [], "should": [{"match_all": {}}]}}, {"bool": {"should": [{"match_all": {}}]}}),
    (
        {"bool": {"should": [{"term": {"area": "a"}}, {"term": {"area": "b"}}], "minimum_should_match": "50%"}},
        {"bool": {"should": [{"term": {"area": {"value": "a"}}}, {"term": {"area": {"value": "b"}}}]}},
    ),
    (
        {"bool": {"filter": {"match_all": {}}, "should": {"match_all": {}}, "minimum_should_match": "100%"}},
        {"bool": {"filter": [{"match_all": {}}], "should": [{"match_all": {}}], "minimum_should_match": 1}},
    ),
    (
        {"bool": {"filter": {"match_all": {}}, "should": {"match_all": {}}, "minimum_should_match": 0}},
        {"bool": {"filter": [{"match_all": {}}], "should": [{"match_all": {}}]}},
    ),
    (
        {"bool": {"should": {"match_all": {}}, "minimum_should_match": 9}},
        {"bool": {"should": [{"match_all": {}}], "minimum_should_match": 2}},
    ),
    (
        {"bool": {"must": {"match_all": {}}, "minimum_should_match": 3, "boost": 0.0}},
        {"bool": {"must": [{"match_all": {}}], "minimum_should_match": 1, "boost": 0}},
    ),
    ({"wildcard": {"area": r"\*a*b?c*d\?"}}, {"wildcard": {"area": {"value": r"\*a*b?c*d\?"}}}),
    ({"wildcard": {"title": ""}}, {"wildcard": {"title": {"value": ""}}}),
    ({"prefix": {"title": "flo"}}, {"prefix": {"title": {"value": "flo"}}}),
    (
        {"fuzzy": {"title": {"value": "a", "fuzziness": "AUTO", "max_expansions": 50, "transpositions": True}}},
        {"fuzzy": {"title": {"value": "a"}}},
    ),
    (
        {"fuzzy": {"title": {"value": "a", "fuzziness": 0, "prefix_length": 1, "transpositions": False}}},
        {"fuzzy": {"title": {"value": "a", "fuzziness": 0, "prefix_length": 1, "transpositions": False}}},
    ),
    ({"exists": {"field": "contractor.text"}}, {"exists": {"field": "contractor.text"}}),
    ({"ids": {"values": ["2", "1", "2"]}}, {"ids": {"values": ["1", "2"]}}),
    ({"ids": {"values": []}}, {"ids": {"values": []}}),
    ({"match_all": {"boost": 1.0}}, {"match_all": {}}),
]


@pytest.mark.parametrize(("query", "normal"), CLAUSES)
def test_clause_is_normalized_when_it_is_sound(query: dict[str, Any], normal: dict[str, Any]) -> None:
    assert compiled(query=query).query == normal
    assert compiled(query=normal).canonical() == compiled(query=query).canonical()


AGGREGATIONS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        {"terms": {"field": "area", "size": 10, "min_doc_count": 1, "exclude": [], "order": {"_count": "DESC"}}},
        {"terms": {"field": "area"}},
    ),
    (
        {"terms": {"field": "area", "order": [{"_count": "desc"}, {"_key": "asc"}, {"_count": "asc"}]}},
        {"terms": {"field": "area"}},
    ),
    (
        {"terms": {"field": "area", "order": [{"_key": "desc"}, {"_count": "asc"}]}},
        {"terms": {"field": "area", "order": [{"_key": "desc"}]}},
    ),
    (
        {"terms": {"field": "award_date", "include": ["2024-05-31"], "missing": "2024-01-01"}},
        {
            "terms": {
                "field": "award_date",
                "include": ["2024-05-31T00:00:00.000Z"],
                "missing": "2024-01-01T00:00:00.000Z",
            }
        },
    ),
    (
        {
            "terms": {"field": "area", "order": [{"s.value": "asc"}, {"t.avg": "desc"}]},
            "aggregations": {"s": {"sum": {"field": "amount"}}, "t": {"stats": {"field": "amount"}}},
        },
        {
            "terms": {"field": "area", "order": [{"s": "asc"}, {"t.avg": "desc"}]},
            "aggs": {"s": {"sum": {"field": "amount"}}, "t": {"stats": {"field": "amount"}}},
        },
    ),
    ({"terms": {"field": "area"}, "aggs": {}}, {"terms": {"field": "area"}}),
    ({"sum": {"field": "amount", "missing": "0"}}, {"sum": {"field": "amount", "missing": 0}}),
    ({"max": {"field": "award_date"}}, {"max": {"field": "award_date"}}),
    (
        {"percentiles": {"field": "amount", "percents": [99.9, 50.0, 50], "keyed": True}},
        {"percentiles": {"field": "amount", "percents": [50, 99.9]}},
    ),
    (
        {"percentiles": {"field": "amount", "percents": [1.0, 5, 25, 50, 75, 95, 99]}},
        {"percentiles": {"field": "amount"}},
    ),
    (
        {"histogram": {"field": "amount", "interval": 1e6, "offset": 0.0, "min_doc_count": 0, "keyed": False}},
        {"histogram": {"field": "amount", "interval": 1000000}},
    ),
    (
        {"histogram": {"field": "amount", "interval": 5, "min_doc_count": 1, "extended_bounds": {"min": 0, "max": 9}}},
        {"histogram": {"field": "amount", "interval": 5, "min_doc_count": 1}},
    ),
    (
        {"date_histogram": {"field": "award_date", "fixed_interval": "48h", "offset": "+60m", "time_zone": "+0330"}},
        {"date_histogram": {"field": "award_date", "fixed_interval": "2d", "offset": "1h", "time_zone": "+03:30"}},
    ),
    (
        {"date_histogram": {"field": "award_date", "calendar_interval": "month", "offset": "0d", "time_zone": "Z"}},
        {"date_histogram": {"field": "award_date", "calendar_interval": "month"}},
    ),
    (
        {
            "date_histogram": {
                "field": "award_date",
                "calendar_interval": "day",
                "time_zone": "-05:00",
                "extended_bounds": {"min": "2024-01-01", "max": "2024-01-02T00:00Z"},
            }
        },
        {
            "date_histogram": {
                "field": "award_date",
                "calendar_interval": "day",
                "time_zone": "-05:00",
                "extended_bounds": {"min": 1704085200000, "max": 1704153600000},
            }
        },
    ),
    (
        {"range": {"field": "amount", "ranges": [{"from": "5e7"}, {"from": 1e7, "to": 5e7}, {"to": 1e7}]}},
        {
            "range": {
                "field": "amount",
                "ranges": [{"to": M10}, {"from": M10, "to": M50}, {"from": M50}],
            }
        },
    ),
    (
        {"date_range": {"field": "award_date", "ranges": [{"key": "2024", "from": "2024-01-01"}], "keyed": False}},
        {"date_range": {"field": "award_date", "ranges": [{"key": "2024", "from": "2024-01-01T00:00:00.000Z"}]}},
    ),
    ({"filter": {"term": {"area": "a"}}}, {"filter": {"term": {"area": {"value": "a"}}}}),
    (
        {"filters": {"filters": [{"term": {"area": "a"}}], "other_bucket_key": "rest"}},
        {"filters": {"filters": [{"term": {"area": {"value": "a"}}}], "other_bucket_key": "rest"}},
    ),
    ({"missing": {"field": "amount"}}, {"missing": {"field": "amount"}}),
    ({"top_hits": {"size": 3, "from": 0, "_source": True}}, {"top_hits": {}}),
    (
        {"top_hits": {"size": 1, "sort": "amount", "_source": "title"}},
        {
            "top_hits": {
                "size": 1,
                "sort": [{"amount": {"order": "asc"}}],
                "_source": {"includes": ["title"], "excludes": []},
            }
        },
    ),
]


@pytest.mark.parametrize(("aggregation", "normal"), AGGREGATIONS)
def test_aggregation_is_normalized_when_it_is_sound(aggregation: dict[str, Any], normal: dict[str, Any]) -> None:
    assert compiled(aggs={"a": aggregation}).aggs == {"a": normal}
    assert compiled(aggregations={"a": normal}).canonical() == compiled(aggs={"a": aggregation}).canonical()


ASCENDING, DESCENDING = {"order": "asc"}, {"order": "desc"}
SORTS: list[tuple[Any, tuple[Any, ...]]] = [
    ([], ()),
    ("amount", ({"amount": ASCENDING},)),
    ("_score", ({"_score": DESCENDING},)),
    ({"_score": "asc"}, ({"_score": ASCENDING},)),
    ({"amount": "DESC"}, ({"amount": DESCENDING},)),
    ([{"area": {"missing": "_last"}}, "award_date"], ({"area": ASCENDING}, {"award_date": ASCENDING})),
    ([{"area": {"order": "desc", "missing": "_first"}}], ({"area": {"order": "desc", "missing": "_first"}},)),
]


@pytest.mark.parametrize(("sort", "normal"), SORTS)
def test_sort_is_normalized_when_it_is_sound(sort: Any, normal: tuple[Any, ...]) -> None:
    assert compiled(sort=sort).sort == normal


SOURCES: list[tuple[Any, Any]] = [
    (True, True),
    (False, False),
    ([], True),
    ({"includes": []}, True),
    ("title", {"includes": ["title"], "excludes": []}),
    (["title", "area", "title"], {"includes": ["area", "title"], "excludes": []}),
    ({"includes": "contr*", "excludes": ["amount"]}, {"includes": ["contr*"], "excludes": ["amount"]}),
    ({"excludes": "*"}, {"includes": [], "excludes": ["*"]}),
]


@pytest.mark.parametrize(("source", "normal"), SOURCES)
def test_source_is_normalized_when_it_is_sound(source: Any, normal: Any) -> None:
    assert compiled(_source=source).source == normal


def test_template_takes_its_defaults_when_it_holds_a_query_alone() -> None:
    request = compiled("match", query={"match": {"title": "a"}})
    assert (request.index, request.size, request.from_, request.sort, request.source, request.aggs) == (
        "contracts",
        10,
        0,
        (),
        True,
        {},
    )


def test_limits_are_inclusive_when_they_are_reached() -> None:
    leaf: dict[str, Any] = {"match_all": {}}
    deep = leaf
    for _ in range(5):
        deep = {"bool": {"must": [deep]}}
    compiled("bool", query=deep, size=1000, **{"from": 9000})
    compiled("bool", query={"bool": {"should": [leaf] * 63}})
    compiled(query={"terms": {"area": ["x" * 512] * 1024}})
    compiled(query={"wildcard": {"area": "a*b*c?d?"}}, sort=["area", "amount", "award_date", "_score", "contractor"])
    metric = {"sum": {"field": "amount"}}
    by_area: dict[str, Any] = {"terms": {"field": "area"}}
    compiled(aggs={"a": by_area | {"aggs": {"b": by_area | {"aggs": {"c": metric}}}}})
    compiled(aggs={f"a{number}": metric for number in range(16)})


def test_other_index_and_page_leave_the_canonical_bytes_alone() -> None:
    query = {"match": {"title": "a"}}
    assert (
        compiled("match", query=query, size=5).canonical() == compiled("match", query=query, **{"from": 7}).canonical()
    )
    assert compiled("match", query=query).canonical() != compiled("match", query=query, _source=False).canonical()


def test_numbers_keep_every_digit_when_the_field_holds_whole_ones() -> None:
    request = compile_request(
        query_type="term",
        query_params={"index": "i", "query": {"term": {"big": str(2**63 - 1)}}},
        fields={"big": "long"},
    )
    assert request.query == {"term": {"big": {"value": 2**63 - 1}}}
