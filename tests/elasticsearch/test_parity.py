"""What the validator takes, both engines run, and they answer alike."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from common_apps.queries.language.compiler import compile_request
from response_site.search.elasticsearch_engine import ElasticsearchEngine
from response_site.search.engine import EngineFailure
from response_site.search.tantivy_engine import TantivyEngine
from response_site.search.tantivy_engine.analyzer import tokens_of
from tests.elasticsearch.parity import differences
from tests.plain.language.generator import generate_requests
from tests.plain.search.test_tantivy_engine import DOCUMENTS, MAPPING

PAIRS = 600


@pytest.mark.parametrize("seed", [11, 20261123])
def test_engines_answer_alike_when_asked_the_same(
    remote: ElasticsearchEngine, embedded: TantivyEngine, seed: int
) -> None:
    fields = embedded.fields("contracts")
    assert remote.fields("contracts") == fields
    requests = [
        compile_request(query_type=query_type, query_params=params, fields=fields)
        for query_type, params in generate_requests(seed, PAIRS)
    ]
    one = embedded.msearch(requests, timeout_seconds=60)
    other = remote.msearch(requests, timeout_seconds=60)
    unlike = {
        json.dumps(request.body()): found
        for request, left, right in zip(requests, one, other, strict=True)
        if (found := differences(request, left, right))
    }
    assert unlike == {}
    assert sum(isinstance(answer, dict) for answer in one) > PAIRS * 0.95


WEEKS = {"field": "award_date", "calendar_interval": "week", "time_zone": "Asia/Tehran"}
AGGREGATIONS: list[dict[str, Any]] = [
    {"histogram": {"field": "amount", "interval": 1}},
    {"histogram": {"field": "amount", "interval": 50_000}},
    {"date_histogram": {"field": "award_date", "fixed_interval": "1s"}},
    {"date_histogram": {"field": "award_date", "calendar_interval": "hour", "time_zone": "America/New_York"}},
    {
        "date_histogram": {
            "field": "award_date",
            "calendar_interval": "week",
            "offset": "-36h",
            "time_zone": "Asia/Tehran",
        }
    },
    {"date_histogram": {"field": "award_date", "calendar_interval": "quarter", "offset": "+5d"}},
    {"date_histogram": {"field": "award_date", "fixed_interval": "36h", "time_zone": "Europe/Berlin"}},
    {"terms": {"field": "contractor", "size": 1000, "min_doc_count": 3, "order": {"_key": "asc"}}},
    {"terms": {"field": "contractor", "size": 7, "min_doc_count": 0, "order": {"_count": "asc"}}},
    {
        "terms": {"field": "area", "size": 1000},
        "aggs": {"n": {"terms": {"field": "contract_number", "size": 1000}}},
    },
    {"terms": {"field": "organization", "order": [{"best": "desc"}]}, "aggs": {"best": {"max": {"field": "amount"}}}},
    {"cardinality": {"field": "contract_number"}},
    {"percentiles": {"field": "amount", "percents": [0.1, 1, 10, 33.3, 50, 90, 99, 99.9]}},
]


@pytest.mark.parametrize("spec", AGGREGATIONS, ids=lambda spec: json.dumps(spec)[:70])
def test_engines_count_alike_when_buckets_are_many_or_odd(
    remote: ElasticsearchEngine, embedded: TantivyEngine, spec: dict[str, Any]
) -> None:
    params = {"index": "contracts", "aggs": {"it": spec}, "size": 0}
    request = compile_request(query_type="aggregation", query_params=params, fields=embedded.fields("contracts"))
    assert (
        differences(request, embedded.search(request, timeout_seconds=60), remote.search(request, timeout_seconds=60))
        == []
    )


TEXTS = [
    "The B.C. Co.'s 1,000.50 A-1 don't foo_bar __ x__y_ user@example.com:8080/path",
    "Phase II (Sta. 1+200 - Sta. 2+340.5), Brgy. Ni\u00f1o & P\u00e1rkway; 50% 3:4 1'000 a:b a;b 1;2 a,b",
    "\u06a9\u062a\u0627\u0628\u200c\u0647\u0627 \u0641\u0627\u0631\u0633\u06cc \u06f1\u06f2\u06f3",
    "\u65e5\u672c \u3072\u3089 \u30ab\u30bf\u30ab\u30ca \ud55c\uad6d\uc5b4 \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
    "Stra\u00dfe \u00c9COLE cafe\u0301 \u05e6\u05d4\u05f4\u05dc \u05d0\u05f3 x\u2019y \u2460 \u00bd \u00aa",
    "a\u00adb \ufeffc d\u200be \u2018q\u2019 1_000 _1 __a__ 1a2b 3.14e10 v1.2.3 C++ #tag $5 \u20ac5",
]


@pytest.mark.parametrize("text", TEXTS)
def test_analyzer_cuts_as_elasticsearchs_standard_when_given_any_script(
    remote: ElasticsearchEngine, elasticsearch_url: str, text: str
) -> None:
    request = urllib.request.Request(
        f"{elasticsearch_url}/_analyze",
        data=json.dumps({"analyzer": "standard", "text": text}).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert tokens_of(text) == [token["token"] for token in json.load(answer)["tokens"]]


ODD_REQUESTS: list[tuple[str, dict[str, Any]]] = [
    ("bool", {"query": {"bool": {"must": [clause]}}, "sort": ["number"]})
    for clause in [
        {"match_all": {}},
        {"term": {"tags": "a"}},
        {"term": {"number": 9007199254740993}},
        {"term": {"number": "3.5"}},
        {"range": {"number": {"gt": 2.5, "lt": 3.5}}},
        {"range": {"number": {"gte": -1e18}}},
        {"range": {"ratio": {"gte": 0.1}}},
        {"term": {"seen": "2024-02-29"}},
        {"exists": {"field": "text"}},
        {"exists": {"field": "tags"}},
        {"exists": {"field": "inner.name.words"}},
        {"match_phrase": {"text": "red fox"}},
        {"match_phrase": {"text": {"query": "fox blue", "slop": 10}}},
        {"match_phrase": {"text": {"query": "red fox", "slop": 2}}},
        {"match_phrase": {"text": {"query": "fox fox", "slop": 5}}},
        {"wildcard": {"tags": "a\\*b*"}},
        {"wildcard": {"tags": "a?b?c"}},
        {"prefix": {"tags": "a*"}},
        {"prefix": {"tags": ""}},
        {"match": {"text": ""}},
        {"match": {"text": {"query": "red", "minimum_should_match": 3}}},
        {"match": {"text": {"query": "red fox", "operator": "and", "minimum_should_match": 2}}},
        {"match": {"text": {"query": "red fox", "minimum_should_match": 3}}},
        {"bool": {"must_not": [{"term": {"tags": "a"}}], "minimum_should_match": 1}},
        {"bool": {"must": [{"match_all": {}}], "minimum_should_match": 1}},
        {"fuzzy": {"tags": {"value": "c", "fuzziness": 1}}},
        {"fuzzy": {"tags": {"value": "aa", "fuzziness": 1, "prefix_length": 2}}},
        {"fuzzy": {"tags": {"value": "", "fuzziness": 1}}},
    ]
]
ODD_REQUESTS += [
    ("aggregation", {"aggs": {"it": spec}})
    for spec in [
        {"terms": {"field": "tags", "missing": "none"}},
        {"terms": {"field": "number"}},
        {"terms": {"field": "ratio"}},
        {"value_count": {"field": "number"}},
        {"stats": {"field": "seen"}},
        {"stats": {"field": "number", "missing": 7}},
        {"max": {"field": "ratio"}},
        {"histogram": {"field": "number", "interval": 1e15}},
        {"range": {"field": "number", "ranges": [{"from": 0, "to": 4}, {"to": 2}]}},
        {"date_histogram": {"field": "seen", "calendar_interval": "month"}},
        {"percentiles": {"field": "seen", "percents": [0, 50, 100]}},
        {"missing": {"field": "tags"}},
        {"missing": {"field": "number"}},
        {"top_hits": {"sort": [{"number": {"order": "desc", "missing": "_first"}}], "_source": ["inner.*", "tags"]}},
    ]
]
ODD_REQUESTS += [
    ("bool", {"query": {"bool": {"must": {"match_all": {}}}}, "sort": sort, "_source": source})
    for sort, source in [
        ([{"number": {"order": "desc"}}], ["inner"]),
        ([{"number": {"order": "desc", "missing": "_first"}}], {"excludes": ["inner.name"]}),
        ([{"ratio": {"order": "asc"}}, {"number": "asc"}], ["inner.name.words"]),
        ([{"ratio": {"order": "desc", "missing": "_first"}}, {"number": "asc"}], True),
        ([{"tags": {"order": "desc"}}, {"number": "asc"}], False),
        ([{"seen": {"order": "desc"}}, {"number": "asc"}], ["t*"]),
    ]
]


@pytest.fixture(scope="module")
def odd_pair(remote: ElasticsearchEngine, embedded: TantivyEngine) -> Any:
    for engine in (remote, embedded):
        engine.create_index("odd", MAPPING)
        assert engine.bulk("odd", DOCUMENTS.items()) == len(DOCUMENTS)
        engine.refresh("odd")
    yield remote, embedded
    remote.delete_index("odd")


@pytest.mark.parametrize(("query_type", "params"), ODD_REQUESTS, ids=lambda value: json.dumps(value)[:70])
def test_engines_answer_alike_when_documents_are_odd(
    odd_pair: tuple[ElasticsearchEngine, TantivyEngine], query_type: str, params: dict[str, Any]
) -> None:
    remote, embedded = odd_pair
    request = compile_request(
        query_type=query_type, query_params={"index": "odd", **params}, fields=embedded.fields("odd")
    )
    one, other = (engine.search(request, timeout_seconds=30) for engine in (embedded, remote))
    assert not isinstance(one, EngineFailure)
    assert differences(request, one, other) == []
