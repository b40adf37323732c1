"""What the language refuses: each rule with the place, the code, and a word of the cure."""

from __future__ import annotations

from typing import Any

import pytest

from tests.plain.language.refusing import AGG, refused

LONG = "x" * 513


Q = "/query_params/query"
# (the query, the pointer behind /query_params/query, the code, a part of the detail)
CLAUSES: list[tuple[Any, str, str, str]] = [
    (None, "", "wrong_type", "null"),
    ([], "", "wrong_type", "an empty list"),
    ("flood", "", "wrong_type", "a text"),
    ({}, "", "empty", "an empty object"),
    ({"match": {"title": "a"}, "term": {"area": "b"}}, "", "wrong_type", "bool"),
    ({"mach": {"title": "a"}}, "/mach", "unknown_clause", "did you mean 'match'"),
    ({"script": {"source": "1"}}, "/script", "unknown_clause", "'script'"),
    ({"query_string": {"query": "*"}}, "/query_string", "unknown_clause", "'query_string'"),
    ({"regexp": {"title": ".*"}}, "/regexp", "unknown_clause", "'regexp'"),
    ({"a/b~c": {}}, "/a~1b~0c", "unknown_clause", "a/b~c"),
    # match
    ({"match": None}, "/match", "wrong_type", "names a field"),
    ({"match": {}}, "/match", "empty", "names a field"),
    ({"match": {"title": "a", "operator": "and"}}, "/match", "conflict", "one field"),
    ({"match": {"titel": "a"}}, "/match/titel", "unknown_field", "did you mean 'title'"),
    ({"match": {"title": None}}, "/match/title", "wrong_type", "null"),
    ({"match": {"title": 5}}, "/match/title", "wrong_type", "quotes"),
    ({"match": {"title": True}}, "/match/title", "wrong_type", "true"),
    ({"match": {"title": ["a"]}}, "/match/title", "wrong_type", "a list"),
    ({"match": {"title": {}}}, "/match/title/query", "required", "'query'"),
    ({"match": {"title": {"query": None}}}, "/match/title/query", "wrong_type", "null"),
    ({"match": {"title": {"query": LONG}}}, "/match/title/query", "too_long", "512"),
    ({"match": {"title": "a\0b"}}, "/match/title", "invalid_value", "U+0000"),
    ({"match": {"title": "\ud800"}}, "/match/title", "invalid_value", "surrogate"),
    ({"match": {"title": {"query": "a", "oprator": "or"}}}, "/match/title/oprator", "unknown_key", "'operator'"),
    ({"match": {"title": {"query": "a", "analyzer": "x"}}}, "/match/title/analyzer", "unknown_key", "'analyzer'"),
    ({"match": {"title": {"query": "a", "operator": "xor"}}}, "/match/title/operator", "invalid_value", "or"),
    ({"match": {"title": {"query": "a", "operator": 1}}}, "/match/title/operator", "wrong_type", "and"),
    ({"match": {"title": {"query": "a", "fuzziness": 3}}}, "/match/title/fuzziness", "invalid_value", "AUTO"),
    ({"match": {"title": {"query": "a", "fuzziness": "AUTO:3,6"}}}, "/match/title/fuzziness", "invalid_value", "AUTO"),
    ({"match": {"title": {"query": "a", "fuzziness": True}}}, "/match/title/fuzziness", "invalid_value", "AUTO"),
    ({"match": {"title": {"query": "a", "fuzziness": []}}}, "/match/title/fuzziness", "wrong_type", "AUTO"),
    ({"match": {"title": {"query": "a", "prefix_length": -1}}}, "/match/title/prefix_length", "out_of_range", "0"),
    (
        {"match": {"title": {"query": "a", "prefix_length": 1.0}}},
        "/match/title/prefix_length",
        "wrong_type",
        "fraction",
    ),
    ({"match": {"title": {"query": "a", "prefix_length": "1"}}}, "/match/title/prefix_length", "wrong_type", "a text"),
    ({"match": {"title": {"query": "a", "boost": -1}}}, "/match/title/boost", "out_of_range", "at least 0"),
    ({"match": {"title": {"query": "a", "boost": True}}}, "/match/title/boost", "wrong_type", "true"),
    ({"match": {"title": {"query": "a", "boost": "2"}}}, "/match/title/boost", "wrong_type", "a text"),
    ({"match": {"title": {"query": "a", "boost": float("inf")}}}, "/match/title/boost", "wrong_type", "finite"),
    ({"match": {"amount": "many"}}, "/match/amount", "invalid_value", "decimal"),
    ({"match": {"amount": {"query": 5, "fuzziness": 1}}}, "/match/amount/fuzziness", "not_allowed", "double"),
    # match_phrase
    ({"match_phrase": {"contractor": "a"}}, "/match_phrase/contractor", "field_type", "use 'contractor.text'"),
    ({"match_phrase": {"title": {"query": "a", "slop": 11}}}, "/match_phrase/title/slop", "out_of_range", "10"),
    # multi_match
    ({"multi_match": {"query": "a"}}, "/multi_match/fields", "required", "'fields'"),
    ({"multi_match": {"fields": ["title"]}}, "/multi_match/query", "required", "'query'"),
    ({"multi_match": []}, "/multi_match", "wrong_type", "object"),
    ({"multi_match": {"query": 5, "fields": "title"}}, "/multi_match/query", "wrong_type", "quotes"),
    ({"multi_match": {"query": "a", "fields": []}}, "/multi_match/fields", "empty", "1"),
    ({"multi_match": {"query": "a", "fields": ["title"] * 17}}, "/multi_match/fields", "too_many", "16"),
    (
        {"multi_match": {"query": "a", "fields": ["title", "tilte^2"]}},
        "/multi_match/fields/1",
        "unknown_field",
        "'title'",
    ),
    ({"multi_match": {"query": "a", "fields": "tit*"}}, "/multi_match/fields", "unknown_field", "tit*"),
    ({"multi_match": {"query": "a", "fields": ["title^x"]}}, "/multi_match/fields/0", "invalid_value", "title^2"),
    ({"multi_match": {"query": "a", "fields": ["title^-1"]}}, "/multi_match/fields/0", "invalid_value", "boost"),
    ({"multi_match": {"query": "a", "fields": ["title^1e999"]}}, "/multi_match/fields/0", "invalid_value", "boost"),
    ({"multi_match": {"query": "a", "fields": ["title", "title^2"]}}, "/multi_match/fields/1", "conflict", "twice"),
    ({"multi_match": {"query": "a", "fields": ["amount"]}}, "/multi_match/fields/0", "field_type", "double"),
    (
        {"multi_match": {"query": "a", "fields": "title", "type": "bool_prefix"}},
        "/multi_match/type",
        "invalid_value",
        "",
    ),
    (
        {"multi_match": {"query": "a", "fields": "title", "tie_breaker": 2}},
        "/multi_match/tie_breaker",
        "out_of_range",
        "",
    ),
    (
        {"multi_match": {"query": "a", "fields": "title", "type": "phrase", "fuzziness": 1}},
        "/multi_match/fuzziness",
        "not_allowed",
        "phrase",
    ),
    (
        {"multi_match": {"query": "a", "fields": "title", "type": "cross_fields", "fuzziness": "AUTO"}},
        "/multi_match/fuzziness",
        "not_allowed",
        "cross_fields",
    ),
    # term, terms
    ({"term": {}}, "/term", "empty", "names a field"),
    ({"term": {"area": {}}}, "/term/area/value", "required", "'value'"),
    ({"term": {"area": {"value": 1}}}, "/term/area/value", "wrong_type", "a number"),
    ({"term": {"amount": True}}, "/term/amount", "wrong_type", "number"),
    ({"term": {"amount": "1_000"}}, "/term/amount", "invalid_value", "decimal"),
    ({"term": {"amount": "٣"}}, "/term/amount", "invalid_value", "decimal"),
    ({"term": {"amount": "NaN"}}, "/term/amount", "invalid_value", "finite"),
    ({"term": {"amount": "1e999999999"}}, "/term/amount", "invalid_value", "finite"),
    ({"term": {"amount": float("nan")}}, "/term/amount", "invalid_value", "finite"),
    ({"term": {"amount": 10**400}}, "/term/amount", "invalid_value", "finite"),
    ({"term": {"amount": {"value": 1, "case_insensitive": True}}}, "/term/amount/case_insensitive", "not_allowed", ""),
    (
        {"term": {"area": {"value": "a", "case_insensitive": "yes"}}},
        "/term/area/case_insensitive",
        "wrong_type",
        "true",
    ),
    ({"term": {"award_date": "2024-05"}}, "/term/award_date", "invalid_value", "2024-05-31"),
    ({"term": {"award_date": "now-1d"}}, "/term/award_date", "invalid_value", "2024-05-31"),
    ({"term": {"award_date": "2024-05-31||/M"}}, "/term/award_date", "invalid_value", "2024-05-31"),
    ({"term": {"award_date": "2023-02-29"}}, "/term/award_date", "invalid_value", "no calendar"),
    ({"term": {"award_date": 1.5}}, "/term/award_date", "invalid_value", "integer"),
    ({"term": {"award_date": False}}, "/term/award_date", "wrong_type", "date"),
    ({"terms": {"area": "a"}}, "/terms/area", "wrong_type", "a list"),
    ({"terms": {"area": ["a", None]}}, "/terms/area/1", "wrong_type", "null"),
    ({"terms": {"area": ["a"] * 1025}}, "/terms/area", "too_many", "1024"),
    ({"terms": {"area": ["a"], "boost": 2}}, "/terms", "conflict", "one field"),
    # range
    ({"range": {"amount": {}}}, "/range/amount", "empty", "gte"),
    ({"range": {"amount": 5}}, "/range/amount", "wrong_type", "object"),
    ({"range": {"amount": {"boost": 2}}}, "/range/amount", "required", "gte"),
    ({"range": {"amount": {"gte": None}}}, "/range/amount/gte", "wrong_type", "null"),
    ({"range": {"amount": {"gte": 1, "gt": 0}}}, "/range/amount/gt", "conflict", "not both"),
    ({"range": {"amount": {"gte": 0, "from": 1}}}, "/range/amount/from", "unknown_key", "gte"),
    ({"range": {"title": {"gte": "a"}}}, "/range/title", "field_type", "'title' is text"),
    ({"range": {"award_date": {"gte": "now"}}}, "/range/award_date/gte", "invalid_value", "ISO 8601"),
    ({"range": {"award_date": {"gte": "2024-01-01", "format": "yyyy"}}}, "/range/award_date/format", "unknown_key", ""),
    # bool
    ({"bool": {}}, "/bool", "empty", "must"),
    ({"bool": {"boost": 2}}, "/bool", "empty", "must"),
    ({"bool": {"must": []}}, "/bool", "empty", "at least one clause"),
    ({"bool": {"must": None}}, "/bool/must", "wrong_type", "null"),
    ({"bool": {"must": {}}}, "/bool/must", "empty", "clause"),
    ({"bool": {"must": [{"match_all": {}}, {}]}}, "/bool/must/1", "empty", "clause"),
    ({"bool": {"filter": {"match_all": {}}, "musts": []}}, "/bool/musts", "unknown_key", "'must'"),
    (
        {"bool": {"should": {"match_all": {}}, "minimum_should_match": 1.5}},
        "/bool/minimum_should_match",
        "wrong_type",
        "75%",
    ),
    (
        {"bool": {"should": {"match_all": {}}, "minimum_should_match": "x"}},
        "/bool/minimum_should_match",
        "invalid_value",
        "",
    ),
    (
        {"bool": {"should": {"match_all": {}}, "minimum_should_match": True}},
        "/bool/minimum_should_match",
        "invalid_value",
        "",
    ),
    # wildcard, prefix, fuzzy
    ({"wildcard": {"area": "*x"}}, "/wildcard/area", "invalid_value", "begin"),
    ({"wildcard": {"area": {"value": "?x"}}}, "/wildcard/area/value", "invalid_value", "begin"),
    ({"wildcard": {"area": "a*b*c?d*e?"}}, "/wildcard/area", "too_many", "5 wildcards; 4"),
    ({"wildcard": {"amount": "1*"}}, "/wildcard/amount", "field_type", "text, keyword"),
    ({"prefix": {"award_date": "2024"}}, "/prefix/award_date", "field_type", "date"),
    ({"prefix": {"area": {"value": "a", "prefix": "a"}}}, "/prefix/area/prefix", "unknown_key", "value"),
    ({"fuzzy": {"area": {"value": "a", "max_expansions": 51}}}, "/fuzzy/area/max_expansions", "out_of_range", "50"),
    ({"fuzzy": {"area": {"value": "a", "transpositions": 1}}}, "/fuzzy/area/transpositions", "wrong_type", "true"),
    # exists, ids, match_all
    ({"exists": {}}, "/exists/field", "required", "'field'"),
    ({"exists": {"field": "titel"}}, "/exists/field", "unknown_field", "'title'"),
    ({"exists": {"field": ["title"]}}, "/exists/field", "wrong_type", "a list"),
    ({"ids": {"values": "1"}}, "/ids/values", "wrong_type", "a list"),
    ({"ids": {"values": ["1", 2]}}, "/ids/values/1", "wrong_type", "quotes"),
    ({"ids": {"values": ["1"] * 1001}}, "/ids/values", "too_many", "1000"),
    ({"match_all": None}, "/match_all", "wrong_type", "null"),
    ({"match_all": {"title": "a"}}, "/match_all/title", "unknown_key", "boost"),
]


@pytest.mark.parametrize(("query", "pointer", "code", "part"), CLAUSES)
def test_clause_is_refused_at_its_place_when_a_rule_is_broken(query: Any, pointer: str, code: str, part: str) -> None:
    # Through an aggregation's query, which may be any clause: no second fault for the root.
    errors = refused("aggregation", query=query, aggs={"a": AGG})
    assert [(error.pointer, error.code) for error in errors] == [(Q + pointer, code)]
    assert part in errors[0].detail
