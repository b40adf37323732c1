"""Paging, sorting, _source, and the shape of an answer."""

from __future__ import annotations

from typing import Any

import pytest

from response_site.search.source_filter import filter_source
from tests.plain.search.conftest import Ask, Document, tokens


def ids(answer: Document) -> list[str]:
    return [hit["_id"] for hit in answer["hits"]["hits"]]


def test_answer_has_elasticsearchs_shape_when_asked(ask: Ask, documents: list[Document]) -> None:
    answer = ask({"term": {"contractor": "QM BUILDERS"}}, size=1)
    assert list(answer) == ["took", "timed_out", "_shards", "hits"]
    assert (answer["timed_out"], answer["_shards"]) == (False, {"total": 1, "successful": 1, "skipped": 0, "failed": 0})
    assert isinstance(answer["took"], int)
    assert answer["hits"]["total"] == {"value": 88, "relation": "eq"}
    (hit,) = answer["hits"]["hits"]
    assert list(hit) == ["_index", "_id", "_score", "_source"]
    assert hit["_index"] == "contracts"
    assert hit["_source"] == documents[int(hit["_id"]) - 1]
    assert answer["hits"]["max_score"] == hit["_score"] > 0


def test_hits_are_none_but_counted_when_size_is_zero(ask: Ask) -> None:
    hits = ask(None, size=0)["hits"]
    assert hits == {"total": {"value": 9855, "relation": "eq"}, "max_score": None, "hits": []}


def test_pages_join_without_overlap_when_walked(ask: Ask) -> None:
    query = {"match": {"title": "revetment"}}
    whole = ids(ask(query, size=200))
    assert whole == [page for start in range(0, 200, 50) for page in ids(ask(query, size=50, from_=start))]
    assert len(set(whole)) == 200


def test_hits_come_in_document_order_when_all_score_alike(ask: Ask) -> None:
    assert ids(ask(None, size=5, from_=100)) == ["101", "102", "103", "104", "105"]


def test_last_page_is_short_when_past_the_end(ask: Ask) -> None:
    assert ids(ask(None, size=1000, from_=9000)) == [str(line) for line in range(9001, 9856)]
    assert ids(ask({"term": {"contractor": "QM BUILDERS"}}, size=10, from_=88)) == []


@pytest.mark.parametrize(
    ("sort", "key"),
    [
        (["amount"], lambda line, d: (d["amount"], line)),
        ([{"amount": "desc"}], lambda line, d: (-d["amount"], line)),
        ([{"award_date": "asc"}, {"amount": {"order": "desc"}}], lambda line, d: (d["award_date"], -d["amount"], line)),
        (["contractor", "area"], lambda line, d: (d["contractor"], d["area"], line)),
    ],
)
def test_hits_are_sorted_when_told(ask: Ask, documents: list[Document], sort: Any, key: Any) -> None:
    lines = sorted(range(1, 9856), key=lambda line: key(line, documents[line - 1]))
    answer = ask(None, sort=sort, size=50, from_=200)
    assert ids(answer) == [str(line) for line in lines[200:250]]
    assert answer["hits"]["max_score"] is None
    assert all(hit["_score"] is None and len(hit["sort"]) == len(sort) for hit in answer["hits"]["hits"])


def test_sort_values_are_milliseconds_when_a_date_sorts(ask: Ask) -> None:
    first = ask(None, sort=[{"award_date": "asc"}], size=1)["hits"]["hits"][0]
    assert first["sort"] == [1656633600000]


def test_hits_keep_scores_when_sorted_by_score_too(ask: Ask) -> None:
    query = {"match": {"title": "revetment wall"}}
    best = ask(query, size=20)
    again = ask(query, sort=["_score", "amount"], size=20)
    assert [hit["_score"] for hit in again["hits"]["hits"]] == [hit["_score"] for hit in best["hits"]["hits"]]
    assert again["hits"]["max_score"] == best["hits"]["max_score"]
    worst = ask(query, sort=[{"_score": "asc"}], size=1)["hits"]["hits"][0]["_score"]
    assert worst < best["hits"]["max_score"]


def test_rare_words_score_higher_when_texts_are_alike(ask: Ask) -> None:
    first = ask({"match": {"title": "construction revetment"}}, size=1)["hits"]["hits"][0]
    assert "revetment" in tokens(first["_source"]["title"])


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        (True, None),
        (False, []),
        ("amount", ["amount"]),
        (["con*", "amount"], ["contract_number", "contractor", "amount"]),
        (
            {"excludes": ["title", "con*"]},
            ["notice_title", "organization", "area", "business_category", "amount", "award_date"],
        ),
        ({"includes": ["con*"], "excludes": ["contractor"]}, ["contract_number"]),
    ],
)
def test_source_shows_what_is_asked_when_filtered(ask: Ask, documents: list[Document], source: Any, kept: Any) -> None:
    hit = ask(None, _source=source, size=1)["hits"]["hits"][0]
    if source is False:
        assert "_source" not in hit
    else:
        assert set(hit["_source"]) == set(documents[0] if kept is None else kept)


def test_source_filter_walks_objects_and_lists_when_nested() -> None:
    source = {"a": {"b": 1, "c": {"d": 2, "e": 3}}, "l": [{"x": 1, "y": 2}, {"y": 3}], "z": [1, 2], "n": None}
    assert filter_source(source, ["a.c"], []) == {"a": {"c": {"d": 2, "e": 3}}}
    assert filter_source(source, ["a.c"], ["a.c.d"]) == {"a": {"c": {"e": 3}}}
    assert filter_source(source, ["l.x", "z"], []) == {"l": [{"x": 1}], "z": [1, 2]}
    assert filter_source(source, [], ["a", "l.y"]) == {"l": [{"x": 1}, {}], "z": [1, 2], "n": None}
