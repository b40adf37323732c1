"""What the language refuses around the clauses: each rule with its place and code, and how many faults are told."""

from __future__ import annotations

from typing import Any

import pytest

from common_apps.queries.language import InvalidQuery, compile_request
from tests.plain.language.refusing import AGG, refused
from tests.plain.language.vocabulary import FIELDS


def nested(depth: int) -> dict[str, Any]:
    clause: dict[str, Any] = {"match_all": {}}
    for _ in range(depth - 1):
        clause = {"bool": {"must": [clause]}}
    return clause


def aggs_nested(depth: int) -> dict[str, Any]:
    aggs: dict[str, Any] = {"leaf": AGG}
    for _ in range(depth - 1):
        aggs = {"by": {"terms": {"field": "area"}, "aggs": aggs}}
    return aggs


# (the rest of query_params, the pointer behind /query_params, the code)
TEMPLATES: list[tuple[dict[str, Any], str, str]] = [
    ({"siez": 5}, "/siez", "unknown_key"),
    ({"script_fields": {}}, "/script_fields", "unknown_key"),
    ({"track_total_hits": False}, "/track_total_hits", "unknown_key"),
    ({"index": ["contracts"]}, "/index", "wrong_type"),
    ({"index": None}, "/index", "wrong_type"),
    ({"size": "10"}, "/size", "wrong_type"),
    ({"size": True}, "/size", "wrong_type"),
    ({"size": 10.0}, "/size", "wrong_type"),
    ({"size": None}, "/size", "wrong_type"),
    ({"size": -1}, "/size", "out_of_range"),
    ({"size": 1001}, "/size", "out_of_range"),
    ({"from": -1}, "/from", "out_of_range"),
    ({"from": "0"}, "/from", "wrong_type"),
    ({"from": 9991}, "/from", "out_of_range"),
    ({"from": 9001, "size": 1000}, "/from", "out_of_range"),
    ({"sort": None}, "/sort", "wrong_type"),
    ({"sort": {}}, "/sort", "empty"),
    ({"sort": ["area"] * 6}, "/sort", "too_many"),
    ({"sort": ["area", "title"]}, "/sort/1", "field_type"),
    ({"sort": "amuont"}, "/sort", "unknown_field"),
    ({"sort": [{"amount": "up"}]}, "/sort/0/amount", "invalid_value"),
    ({"sort": [{"amount": {}}]}, "/sort/0/amount", "empty"),
    ({"sort": [{"amount": None}]}, "/sort/0/amount", "wrong_type"),
    ({"sort": [{"amount": {"order": "asc", "mode": "min"}}]}, "/sort/0/amount/mode", "unknown_key"),
    ({"sort": [{"amount": {"missing": 0}}]}, "/sort/0/amount/missing", "wrong_type"),
    ({"sort": [{"_score": {"missing": "_first"}}]}, "/sort/0/_score/missing", "unknown_key"),
    ({"sort": [{"amount": "asc", "area": "asc"}]}, "/sort/0", "wrong_type"),
    ({"sort": "_doc"}, "/sort", "unknown_field"),
    ({"_source": None}, "/_source", "wrong_type"),
    ({"_source": 1}, "/_source", "wrong_type"),
    ({"_source": {}}, "/_source", "empty"),
    ({"_source": ["title", 5]}, "/_source/1", "wrong_type"),
    ({"_source": ["titel"]}, "/_source/0", "unknown_field"),
    ({"_source": "zzz*"}, "/_source", "unknown_field"),
    ({"_source": "ti*le"}, "/_source", "unknown_field"),
    ({"_source": "*.text*x"}, "/_source", "unknown_field"),
    ({"_source": {"include": "title"}}, "/_source/include", "unknown_key"),
    ({"_source": {"excludes": ["x"]}}, "/_source/excludes/0", "unknown_field"),
    ({"aggs": None}, "/aggs", "wrong_type"),
    ({"aggs": []}, "/aggs", "wrong_type"),
    ({"aggs": {"a b": AGG}}, "/aggs/a b", "invalid_value"),
    ({"aggs": {"": AGG}}, "/aggs/", "invalid_value"),
    ({"aggs": {"x" * 65: AGG}}, "/aggs/" + "x" * 65, "invalid_value"),
    ({"aggs": {"a": AGG}, "aggregations": {"a": AGG}}, "/aggregations", "conflict"),
    ({"aggs": {f"a{n}": AGG for n in range(17)}}, "/aggs/a16", "too_many"),
    ({"aggs": aggs_nested(4)}, "/aggs/by/aggs/by/aggs/by/aggs", "too_deep"),
    ({"query": nested(7)}, "/query" + "/bool/must/0" * 6, "too_deep"),
    ({"query": {"bool": {"should": [{"match_all": {}}] * 64}}}, "/query/bool/should/63", "too_many"),
]


@pytest.mark.parametrize(("params", "pointer", "code"), TEMPLATES)
def test_template_is_refused_at_its_place_when_a_rule_is_broken(
    params: dict[str, Any], pointer: str, code: str
) -> None:
    query_type = next(iter(params.get("query", {"match": None})))
    errors = refused(query_type, **({"query": {"match": {"title": "a"}}} | params))
    assert [(error.pointer, error.code) for error in errors] == [("/query_params" + pointer, code)]


@pytest.mark.parametrize("value", [None, [], "x", 5, True])
def test_query_params_are_refused_when_they_are_no_object(value: Any) -> None:
    with pytest.raises(InvalidQuery) as caught:
        compile_request(query_type="match", query_params=value, fields=FIELDS)
    assert [(error.pointer, error.code) for error in caught.value.errors] == [("/query_params", "wrong_type")]


def test_index_and_query_are_required_when_query_params_are_empty() -> None:
    with pytest.raises(InvalidQuery) as caught:
        compile_request(query_type="match", query_params={}, fields=FIELDS)
    assert [(error.pointer, error.code) for error in caught.value.errors] == [
        ("/query_params/index", "required"),
        ("/query_params/query", "required"),
    ]


def test_root_clause_is_refused_when_it_is_not_what_query_type_names() -> None:
    [error] = refused("term", query={"match": {"title": "a"}})
    assert (error.pointer, error.code) == ("/query_params/query", "root_mismatch")


@pytest.mark.parametrize("query_type", ["prefix", "match_all", "exists", "aggregations", "", "MATCH"])
def test_query_type_is_refused_when_it_is_not_one_of_the_eight(query_type: str) -> None:
    errors = refused(query_type, query={"match": {"title": "a"}})
    assert [(error.pointer, error.code) for error in errors] == [("/query_type", "unknown_query_type")]


def test_clause_limit_counts_filters_of_aggregations_too() -> None:
    clauses = [{"match_all": {}}] * 33
    errors = refused(
        "bool",
        query={"bool": {"filter": clauses}},
        aggs={"a": {"filters": {"filters": [{"match_all": {}}] * 31}}},
    )
    assert [(error.pointer, error.code) for error in errors] == [
        ("/query_params/aggs/a/filters/filters/30", "too_many")
    ]


def test_all_faults_are_told_at_once_when_there_are_several() -> None:
    errors = refused(
        "bool",
        query={"bool": {"must": [{"match": {"titel": "a"}}, {"range": {"amount": {"gte": "x", "lte": True}}}], "x": 1}},
        size="10",
        sort=["nowhere"],
        _source=["amuont"],
        aggs={"a": {"sum": {}}},
        extra=1,
    )
    assert {error.pointer for error in errors} == {
        "/query_params/query/bool/must/0/match/titel",
        "/query_params/query/bool/must/1/range/amount/gte",
        "/query_params/query/bool/must/1/range/amount/lte",
        "/query_params/query/bool/x",
        "/query_params/size",
        "/query_params/sort",
        "/query_params/sort/0",
        "/query_params/_source/0",
        "/query_params/aggs/a/sum/field",
        "/query_params/extra",
    } - {"/query_params/sort"}


def test_faults_end_at_twenty_when_there_are_more() -> None:
    assert len(refused("aggregation", query={"terms": {"area": [1] * 1000}}, aggs={"a": AGG})) == 20


def test_values_are_refused_when_a_type_of_number_does_not_hold_them() -> None:
    fields = {"count": "integer", "big": "long", "share": "half_float", "flag": "boolean"}

    def fault(clause: dict[str, Any]) -> tuple[str, str]:
        with pytest.raises(InvalidQuery) as caught:
            compile_request(query_type="term", query_params={"index": "i", "query": clause}, fields=fields)
        [error] = caught.value.errors
        return error.pointer.removeprefix("/query_params/query"), error.code

    assert fault({"term": {"count": 2**31}}) == ("/term/count", "out_of_range")
    assert fault({"term": {"big": 2**63}}) == ("/term/big", "out_of_range")
    assert fault({"term": {"big": "1e300"}}) == ("/term/big", "out_of_range")
    assert fault({"term": {"share": -65505}}) == ("/term/share", "out_of_range")
    assert fault({"term": {"flag": True}}) == ("/term/flag", "field_type")


def test_details_stay_short_and_printable_when_names_are_not() -> None:
    [error] = refused("match", query={"match": {"\x07" + "y" * 5000 + "\ud800": "a"}})
    assert len(error.detail) < 300
    assert error.detail.isprintable()
    error.pointer.encode()


def test_bucket_values_are_refused_when_a_field_of_whole_numbers_can_not_hold_them() -> None:
    params = {"index": "i", "aggs": {"a": {"terms": {"field": "count", "include": [1, 1.5, "2.0"]}}}}
    with pytest.raises(InvalidQuery) as caught:
        compile_request(query_type="aggregation", query_params=params, fields={"count": "integer"})
    [error] = caught.value.errors
    assert (error.pointer, error.code) == ("/query_params/aggs/a/terms/include/1", "invalid_value")
