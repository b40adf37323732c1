"""The embedded engine beyond the sample: odd values, several values, bad requests, outages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common_apps.queries.language.compiler import compile_request
from common_apps.queries.language.normalized import NormalizedRequest
from response_site.search.engine import (
    MAX_BUCKETS,
    EngineFailure,
    EngineUnavailable,
    IndexMissingError,
    IndexWriteError,
    count_buckets,
)
from response_site.search.tantivy_engine import TantivyEngine
from response_site.search.tantivy_engine.analyzer import tokens_of
from tests.plain.language.generator import generate_requests
from tests.plain.search.conftest import Document, tokens

FINEST = {"a": {"histogram": {"field": "amount", "interval": 1}}}
MAPPING = {
    "properties": {
        "tags": {"type": "keyword"},
        "text": {"type": "text"},
        "number": {"type": "long"},
        "ratio": {"type": "float"},
        "seen": {"type": "date"},
        "inner": {"properties": {"name": {"type": "keyword", "fields": {"words": {"type": "text"}}}}},
    }
}
DOCUMENTS = {
    "one": {"tags": ["b", "a", "b"], "text": ["red fox", "blue bird"], "number": [3, 1, 3], "ratio": 0.1},
    "two": {"tags": "a", "text": "fox red", "number": -5, "seen": ["2024-01-01", "2024-03-01"]},
    "three": {"tags": [], "text": "", "number": None, "inner": {"name": "Deep One"}},
    "four": {"text": "A\nB (c) [d]", "tags": "a*b\nc", "number": 9007199254740993, "seen": "2024-02-29T23:59:59.999Z"},
}


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TantivyEngine]:
    engine = TantivyEngine(tmp_path_factory.mktemp("odd"))
    engine.create_index("odd", MAPPING)
    assert engine.bulk("odd", DOCUMENTS.items()) == 4
    yield engine
    engine.close()


def search(engine: TantivyEngine, query: Document | None = None, **rest: Any) -> Any:
    request = NormalizedRequest("odd", query or {"match_all": {}}, **rest)
    answer = engine.search(request, timeout_seconds=10)
    assert not isinstance(answer, EngineFailure), answer
    return answer


def found(engine: TantivyEngine, query: Document) -> set[str]:
    return {hit["_id"] for hit in search(engine, query)["hits"]["hits"]}


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"term": {"tags": {"value": "a"}}}, {"one", "two"}),
        ({"term": {"number": {"value": 3}}}, {"one"}),
        ({"term": {"number": {"value": 3.5}}}, set()),
        ({"term": {"number": {"value": 9007199254740993}}}, {"four"}),
        ({"term": {"number": {"value": 9007199254740992}}}, set()),
        ({"range": {"number": {"gt": 2.5, "lt": 3.5}}}, {"one"}),
        ({"range": {"number": {"gte": "-1e30", "lte": 0}}}, {"two"}),
        ({"range": {"number": {"gt": 9223372036854775807}}}, set()),
        ({"term": {"seen": {"value": "2024-02-29"}}}, {"four"}),
        ({"exists": {"field": "tags"}}, {"one", "two", "four"}),
        ({"exists": {"field": "text"}}, {"one", "two", "three", "four"}),
        ({"exists": {"field": "inner.name.words"}}, {"three"}),
        ({"term": {"inner.name": {"value": "Deep One"}}}, {"three"}),
        ({"match": {"inner.name.words": {"query": "ONE"}}}, {"three"}),
        ({"match_phrase": {"text": {"query": "red fox"}}}, {"one"}),
        ({"match_phrase": {"text": {"query": "fox blue"}}}, set()),
        ({"match_phrase": {"text": {"query": "fox blue", "slop": 10}}}, set()),
        ({"match_phrase": {"text": {"query": "red fox", "slop": 2}}}, {"one", "two"}),
        ({"match_phrase": {"text": {"query": "fox fox", "slop": 5}}}, set()),
        ({"wildcard": {"tags": {"value": "a\\*b*"}}}, {"four"}),
        ({"wildcard": {"tags": {"value": "a?b?c"}}}, {"four"}),
        ({"wildcard": {"tags": {"value": "a\\"}}}, set()),
        ({"prefix": {"tags": {"value": "a*"}}}, {"four"}),
        ({"prefix": {"tags": {"value": ""}}}, {"one", "two", "four"}),
        ({"terms": {"number": []}}, set()),
        ({"ids": {"values": []}}, set()),
    ],
)
def test_odd_values_are_found_when_asked_exactly(odd: TantivyEngine, query: Document, ids: set[str]) -> None:
    assert found(odd, query) == ids


def test_documents_count_once_a_bucket_when_they_hold_several_values(odd: TantivyEngine) -> None:
    aggs = {
        "tags": {"terms": {"field": "tags", "missing": "none"}},
        "numbers": {"value_count": {"field": "number"}},
        "tag_count": {"value_count": {"field": "tags"}},
        "sum": {"sum": {"field": "number", "missing": 100}},
        "ratio": {"max": {"field": "ratio"}},
        "untagged": {"missing": {"field": "tags"}},
        "widths": {"histogram": {"field": "number", "interval": 4, "min_doc_count": 1}},
        "spans": {"range": {"field": "number", "ranges": [{"from": 0, "to": 4}]}},
        "months": {"date_histogram": {"field": "seen", "calendar_interval": "month"}},
    }
    result = search(odd, {"terms": {"number": [1, -5]}}, aggs=aggs)["aggregations"]
    assert [(b["key"], b["doc_count"]) for b in result["tags"]["buckets"]] == [("a", 2), ("b", 1)]
    assert (result["numbers"]["value"], result["tag_count"]["value"], result["sum"]["value"]) == (4, 3, 2.0)
    assert result["ratio"]["value"] == pytest.approx(0.1, abs=1e-8)
    assert result["ratio"]["value"] != 0.1  # single precision, as Elasticsearch keeps it
    assert result["untagged"]["doc_count"] == 0
    assert [(b["key"], b["doc_count"]) for b in result["widths"]["buckets"]] == [(-8.0, 1), (0.0, 1)]
    assert [b["doc_count"] for b in result["spans"]["buckets"]] == [1]
    assert [(b["key_as_string"][:7], b["doc_count"]) for b in result["months"]["buckets"]] == [
        ("2024-01", 1),
        ("2024-02", 0),
        ("2024-03", 1),
    ]
    rest = search(odd, aggs={"tags": aggs["tags"], "untagged": aggs["untagged"]})["aggregations"]
    assert rest["untagged"]["doc_count"] == 1
    assert {b["key"]: b["doc_count"] for b in rest["tags"]["buckets"]} == {"a": 2, "a*b\nc": 1, "b": 1, "none": 1}


@pytest.mark.parametrize(
    ("sort", "ids", "values"),
    [
        ({"number": {"order": "asc"}}, ["two", "one", "four", "three"], [-5, 1, 9007199254740993, 2**63 - 1]),
        ({"number": {"order": "desc"}}, ["four", "one", "two", "three"], [9007199254740993, 3, -5, -(2**63)]),
        (
            {"number": {"order": "asc", "missing": "_first"}},
            ["three", "two", "one", "four"],
            [-(2**63), -5, 1, 9007199254740993],
        ),
        ({"tags": {"order": "asc"}}, ["one", "two", "four", "three"], ["a", "a", "a*b\nc", None]),
        ({"tags": {"order": "desc", "missing": "_first"}}, ["three", "one", "four", "two"], [None, "b", "a*b\nc", "a"]),
    ],
)
def test_documents_without_a_value_go_last_when_not_told(
    odd: TantivyEngine, sort: Document, ids: list[str], values: list[Any]
) -> None:
    hits = search(odd, sort=(sort,))["hits"]["hits"]
    assert [hit["_id"] for hit in hits] == ids
    assert [hit["sort"] for hit in hits] == [[value] for value in values]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The B.C. Co.'s 1,000.50 A-1", ["the", "b.c", "co", "s", "1,000.50", "a", "1"]),
        ("don't foo_bar __ x__y_", ["don't", "foo_bar", "x__y_"]),
        ("user@example.com:8080/path", ["user", "example.com", "8080", "path"]),
        (
            "\u06a9\u062a\u0627\u0628\u200c\u0647\u0627 \u0641\u0627\u0631\u0633\u06cc",
            ["\u06a9\u062a\u0627\u0628\u200c\u0647\u0627", "\u0641\u0627\u0631\u0633\u06cc"],
        ),
        ("日本 ひら カタカナ", ["日", "本", "ひ", "ら", "カタカナ"]),
        ("Straße ÉCOLE cafe\u0301", ["straße", "école", "cafe\u0301"]),
        ("", []),
        ("--- !!", []),
    ],
)
def test_text_is_cut_as_the_standard_analyzer_does_when_indexed(text: str, words: list[str]) -> None:
    assert tokens_of(text) == words


def test_text_is_cut_alike_when_cut_by_another_rule(documents: list[Document]) -> None:
    for document in documents:
        assert tuple(tokens_of(document["title"])) == tokens(document["title"])


def test_unsafe_characters_are_replaced_when_indexed(tmp_path: Path) -> None:
    engine = TantivyEngine(tmp_path)
    engine.create_index("odd", MAPPING)
    engine.bulk("odd", [("\ud800", {"tags": "a\x00b", "text": "x\udfffy"})])
    hit = search(engine)["hits"]["hits"][0]
    assert (hit["_id"], hit["_source"]) == ("\ufffd", {"tags": "a\ufffdb", "text": "x\ufffdy"})
    json.dumps(hit).encode()


def test_document_is_replaced_when_its_id_comes_again(tmp_path: Path) -> None:
    engine = TantivyEngine(tmp_path)
    engine.create_index("odd", MAPPING)
    assert engine.bulk("odd", [("1", {"tags": "a"}), ("2", {"tags": "b"}), ("1", {"tags": "c"})]) == 2
    engine.bulk("odd", [("2", {"tags": "d"})])
    answer = search(engine, sort=({"tags": {"order": "asc"}},), aggs={"t": {"terms": {"field": "tags"}}})
    assert [(hit["_id"], hit["_source"]["tags"]) for hit in answer["hits"]["hits"]] == [("1", "c"), ("2", "d")]
    assert [bucket["key"] for bucket in answer["aggregations"]["t"]["buckets"]] == ["c", "d"]


def test_bulk_names_the_document_when_it_does_not_fit(tmp_path: Path) -> None:
    engine = TantivyEngine(tmp_path)
    engine.create_index("odd", MAPPING)
    with pytest.raises(IndexWriteError, match='Document "7": "number" takes a number'):
        engine.bulk("odd", [("6", {"tags": "a"}), ("7", {"number": "x"})])
    assert engine.count("odd") == 0
    assert engine.bulk("odd", [("6", {"tags": "a"})]) == 1


def test_batch_answers_item_by_item_when_one_is_bad(engine: TantivyEngine) -> None:
    good = NormalizedRequest("contracts", {"term": {"contractor": {"value": "QM BUILDERS"}}})
    deep: Document = {"match_all": {}}
    for _ in range(2000):
        deep = {"bool": {"must": [deep]}}
    bad = [
        NormalizedRequest("contracts", {"term": {"nothing": {"value": 1}}}),
        NormalizedRequest("contracts", {"script": {}}),
        NormalizedRequest("contracts", deep),
        NormalizedRequest("contracts", {"term": {"amount": {"value": "many"}}}),
        NormalizedRequest("contracts", {"match_all": {}}, aggs={"a": {"matrix": {"field": "amount"}}}),
        NormalizedRequest("nowhere", {"match_all": {}}),
        NormalizedRequest("../contracts", {"match_all": {}}),
        NormalizedRequest(
            "contracts", {"match_all": {}}, aggs={"a": {"histogram": {"field": "amount", "interval": 1}}}
        ),
    ]
    answers = engine.msearch([good, *bad, good], timeout_seconds=30)
    assert [getattr(answer, "code", "answer") for answer in answers] == [
        "answer",
        *["engine_error"] * 5,
        "index_missing",
        "index_missing",
        "too_many_buckets",
        "answer",
    ]
    assert all("Traceback" not in answer.detail for answer in answers if isinstance(answer, EngineFailure))


@pytest.mark.parametrize(
    "aggs",
    [
        {"h": {"histogram": {"field": "amount", "interval": 1e-9}}},
        {"h": {"histogram": {"field": "amount", "interval": 10_000}}},
        {"d": {"date_histogram": {"field": "award_date", "fixed_interval": "1ms"}}},
        {"d": {"date_histogram": {"field": "award_date", "calendar_interval": "minute"}}},
        {
            "t": {
                "terms": {"field": "contractor", "size": 1000},
                "aggs": {"n": {"terms": {"field": "contract_number", "size": 1000}}},
            },
            "u": {
                "terms": {"field": "area", "size": 1000},
                "aggs": {"n": {"terms": {"field": "contract_number", "size": 1000}}},
            },
        },
    ],
)
def test_answer_is_refused_when_it_would_hold_too_many_buckets(engine: TantivyEngine, aggs: Document) -> None:
    answer = engine.search(NormalizedRequest("contracts", {"match_all": {}}, aggs=aggs, size=0), timeout_seconds=60)
    assert isinstance(answer, EngineFailure)
    assert (answer.code, answer.retryable) == ("too_many_buckets", False)
    assert str(MAX_BUCKETS) in answer.detail


def test_buckets_are_refused_from_one_more_than_the_limit_on(tmp_path: Path) -> None:
    engine = TantivyEngine(tmp_path)
    engine.create_index("odd", MAPPING)
    for last, expected in ((MAX_BUCKETS - 1, MAX_BUCKETS), (MAX_BUCKETS, None)):
        engine.bulk("odd", [("first", {"number": 0}), ("last", {"number": last})])
        request = NormalizedRequest(
            "odd", {"match_all": {}}, aggs={"h": {"histogram": {"field": "number", "interval": 1}}}
        )
        answer = engine.search(request, timeout_seconds=60)
        if expected is None:
            assert isinstance(answer, EngineFailure)
        else:
            assert isinstance(answer, dict)
            assert count_buckets(request.aggs, answer["aggregations"]) == expected


def test_search_is_cut_off_when_its_time_is_up(engine: TantivyEngine) -> None:
    aggs = {"t": {"terms": {"field": "contractor", "size": 1000}, "aggs": {"s": {"sum": {"field": "amount"}}}}}
    answer = engine.search(NormalizedRequest("contracts", {"match_all": {}}, aggs=aggs), timeout_seconds=-1)
    assert isinstance(answer, EngineFailure)
    assert (answer.code, answer.retryable) == ("query_timeout", True)


def test_nothing_fails_when_two_thousand_generated_queries_run(engine: TantivyEngine) -> None:
    fields = engine.fields("contracts")
    requests = [
        compile_request(query_type=query_type, query_params=params, fields=fields)
        for query_type, params in generate_requests(20261123, 2000)
    ]
    answers = engine.msearch(requests, timeout_seconds=60)
    failures = [answer for answer in answers if isinstance(answer, EngineFailure) and answer.code != "too_many_buckets"]
    assert failures == []
    assert sum(isinstance(answer, dict) and answer["hits"]["total"]["value"] > 0 for answer in answers) > 1000
    for answer in answers:
        json.dumps(answer if isinstance(answer, dict) else None, allow_nan=False)


def test_engine_says_unavailable_when_its_files_are_damaged(tmp_path: Path) -> None:
    engine = TantivyEngine(tmp_path)
    engine.create_index("odd", MAPPING)
    engine.bulk("odd", DOCUMENTS.items())
    for file in (tmp_path / "generations").glob("*/meta.json"):
        file.write_text("{}")
    with pytest.raises(EngineUnavailable):
        search(TantivyEngine(tmp_path))
    assert not TantivyEngine(tmp_path).health("odd").ok


def test_engine_says_unavailable_when_its_folder_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    engine = TantivyEngine(tmp_path / "file")
    with pytest.raises(EngineUnavailable, match="SEARCH_DIR"):
        engine.create_index("odd", MAPPING)
    assert not engine.health("odd").ok


def test_index_is_gone_when_deleted(tmp_path: Path) -> None:
    engine = TantivyEngine(tmp_path)
    engine.create_index("odd", MAPPING)
    assert engine.health("odd").ok
    engine.delete_index("odd")
    engine.delete_index("odd")
    engine.delete_index("../odd")
    with pytest.raises(IndexMissingError, match="load_dataset odd FILE"):
        engine.count("odd")
    assert not engine.health("odd").ok
    assert engine.health().ok
    assert list((tmp_path / "generations").iterdir()) == []


@pytest.mark.parametrize("name", ["", "Upper", "a/b", "../x", "-x", "x" * 101])
def test_index_name_is_refused_when_no_folder_should_have_it(tmp_path: Path, name: str) -> None:
    with pytest.raises(IndexWriteError):
        TantivyEngine(tmp_path).create_index(name, MAPPING)
