"""Every clause and every option finds exactly the documents that a reading of the JSON lines finds."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from tests.plain.search.conftest import Document, tokens

Test = Callable[[Document], bool]


def holds(field: str, *wanted: str, least: int | None = None) -> Test:
    need = len(wanted) if least is None else least
    return lambda document: sum(word in tokens(document[field]) for word in wanted) >= need


def osa(left: str, right: str) -> int:
    """The optimal string alignment distance, from the textbook."""
    table = [[max(i, j) if not i or not j else 0 for j in range(len(right) + 1)] for i in range(len(left) + 1)]
    for i in range(1, len(left) + 1):
        for j in range(1, len(right) + 1):
            table[i][j] = min(
                table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + (left[i - 1] != right[j - 1])
            )
            if i > 1 and j > 1 and left[i - 1] == right[j - 2] and left[i - 2] == right[j - 1]:
                table[i][j] = min(table[i][j], table[i - 2][j - 2] + 1)
    return table[-1][-1]


def near(field: str, word: str, edits: int, prefix: int = 0) -> Test:
    known: dict[str, bool] = {}

    def is_near(token: str) -> bool:
        if token not in known:
            known[token] = (
                abs(len(token) - len(word)) <= edits and token[:prefix] == word[:prefix] and osa(token, word) <= edits
            )
        return known[token]

    return lambda document: any(map(is_near, tokens(document[field])))


def phrase(field: str, *wanted: str) -> Test:
    def test(document: Document) -> bool:
        found = tokens(document[field])
        return any(found[at : at + len(wanted)] == wanted for at in range(len(found)))

    return test


def between(field: str, low: Any, high: Any) -> Test:
    return lambda document: low <= document[field] < high


BULACAN = "Bulacan 1st District Engineering Office"

CASES: dict[str, tuple[Document, Test]] = {
    "match": ({"match": {"title": "flood river"}}, holds("title", "flood", "river", least=1)),
    "match upper case": ({"match": {"title": "FLOOD"}}, holds("title", "flood")),
    "match and": ({"match": {"title": {"query": "flood river", "operator": "and"}}}, holds("title", "flood", "river")),
    "match minimum": (
        {"match": {"title": {"query": "flood river wall dike", "minimum_should_match": 2}}},
        holds("title", "flood", "river", "wall", "dike", least=2),
    ),
    "match minimum percent": (
        {"match": {"title": {"query": "flood river wall dike", "minimum_should_match": "-25%"}}},
        holds("title", "flood", "river", "wall", "dike", least=3),
    ),
    "match minimum condition": (
        {"match": {"title": {"query": "flood river wall dike", "minimum_should_match": "3<50%"}}},
        holds("title", "flood", "river", "wall", "dike", least=2),
    ),
    "match fuzziness": (
        {"match": {"title": {"query": "revetmant", "fuzziness": "AUTO"}}},
        near("title", "revetmant", 2),
    ),
    "match fuzziness 1": ({"match": {"title": {"query": "drianage", "fuzziness": 1}}}, near("title", "drianage", 1)),
    "match fuzziness prefix": (
        {"match": {"title": {"query": "river", "fuzziness": 1, "prefix_length": 2}}},
        near("title", "river", 1, 2),
    ),
    "match keyword": ({"match": {"contractor": "QM BUILDERS"}}, lambda d: d["contractor"] == "QM BUILDERS"),
    "match number": ({"match": {"amount": "96499940.4"}}, lambda d: d["amount"] == 96499940.4),
    "match date": ({"match": {"award_date": "2023-12-15"}}, lambda d: d["award_date"] == "2023-12-15"),
    "match nothing": ({"match": {"title": ""}}, lambda d: False),
    "match subfield": ({"match": {"organization.text": "bulacan"}}, holds("organization", "bulacan")),
    "phrase": ({"match_phrase": {"title": "flood control"}}, phrase("title", "flood", "control")),
    "phrase one word": ({"match_phrase": {"title": "Revetment"}}, holds("title", "revetment")),
    "phrase slop": (
        {"match_phrase": {"title": {"query": "flood structure", "slop": 1}}},
        lambda d: any(
            a == "flood" and "structure" in rest
            for a, *rest in zip(
                tokens(d["title"]), [*tokens(d["title"])[1:], ""], [*tokens(d["title"])[2:], "", ""], strict=True
            )
        ),
    ),
    "phrase slop turned": (
        {"match_phrase": {"title": {"query": "control flood", "slop": 2}}},
        lambda d: (
            any({a, b} == {"flood", "control"} for a, b in pairwise(tokens(d["title"])))
            or any(
                a == "control" and c == "flood"
                for a, c in zip(tokens(d["title"]), tokens(d["title"])[2:], strict=False)
            )
            or any(
                a == "control" and c == "flood"
                for a, c in zip(tokens(d["title"]), tokens(d["title"])[3:], strict=False)
            )
        ),
    ),
    "multi best": (
        {"multi_match": {"query": "revetment tarlac", "fields": ["title", "area.text^2"], "tie_breaker": 0.3}},
        lambda d: bool({"revetment", "tarlac"} & {*tokens(d["title"]), *tokens(d["area"])}),
    ),
    "multi best and": (
        {"multi_match": {"query": "revetment tarlac", "fields": ["title", "notice_title"], "operator": "and"}},
        lambda d: holds("title", "revetment", "tarlac")(d) or holds("notice_title", "revetment", "tarlac")(d),
    ),
    "multi most": (
        {"multi_match": {"query": "dike", "fields": ["title", "notice_title"], "type": "most_fields"}},
        lambda d: holds("title", "dike")(d) or holds("notice_title", "dike")(d),
    ),
    "multi cross": (
        {
            "multi_match": {
                "query": "dike tarlac",
                "fields": ["title", "area.text"],
                "type": "cross_fields",
                "operator": "and",
            }
        },
        lambda d: {"dike", "tarlac"} <= {*tokens(d["title"]), *tokens(d["area"])},
    ),
    "multi cross keyword": (
        {"multi_match": {"query": "QM BUILDERS", "fields": ["title", "contractor"], "type": "cross_fields"}},
        lambda d: d["contractor"] == "QM BUILDERS" or bool({"qm", "builders"} & {*tokens(d["title"])}),
    ),
    "multi phrase": (
        {"multi_match": {"query": "drainage structure", "fields": ["title", "notice_title"], "type": "phrase"}},
        lambda d: phrase("title", "drainage", "structure")(d) or phrase("notice_title", "drainage", "structure")(d),
    ),
    "multi fuzziness": (
        {"multi_match": {"query": "floood", "fields": ["title"], "fuzziness": 1}},
        near("title", "floood", 1),
    ),
    "term": ({"term": {"organization": BULACAN}}, lambda d: d["organization"] == BULACAN),
    "term is exact": ({"term": {"organization": BULACAN.lower()}}, lambda d: False),
    "term any case": (
        {"term": {"organization": {"value": BULACAN.upper(), "case_insensitive": True}}},
        lambda d: d["organization"] == BULACAN,
    ),
    "term of text": ({"term": {"title": "revetment"}}, holds("title", "revetment")),
    "term of text is no word": ({"term": {"title": "Revetment"}}, lambda d: False),
    "term number": ({"term": {"amount": 4950000}}, lambda d: d["amount"] == 4950000),
    "term date": ({"term": {"award_date": "2024-02-29"}}, lambda d: d["award_date"] == "2024-02-29"),
    "term moment": ({"term": {"award_date": 1702598400000}}, lambda d: d["award_date"] == "2023-12-15"),
    "terms": (
        {"terms": {"contractor": ["QM BUILDERS", "WAWAO BUILDERS", "nobody"]}},
        lambda d: d["contractor"] in ("QM BUILDERS", "WAWAO BUILDERS"),
    ),
    "terms none": ({"terms": {"contractor": []}}, lambda d: False),
    "terms numbers": ({"terms": {"amount": [4950000, "96499940.4"]}}, lambda d: d["amount"] in (4950000, 96499940.4)),
    "terms dates": (
        {"terms": {"award_date": ["2023-12-15", "2024-06-24"]}},
        lambda d: d["award_date"] in ("2023-12-15", "2024-06-24"),
    ),
    "terms text": ({"terms": {"title": ["dike", "wall"]}}, holds("title", "dike", "wall", least=1)),
    "range number": ({"range": {"amount": {"gte": 1e7, "lt": 5e7}}}, between("amount", 1e7, 5e7)),
    "range number open": (
        {"range": {"amount": {"gt": 4950000, "lte": "96499940.4"}}},
        lambda d: 4950000 < d["amount"] <= 96499940.4,
    ),
    "range nothing": ({"range": {"amount": {"gt": 5, "lt": 5}}}, lambda d: False),
    "range date": (
        {"range": {"award_date": {"gte": "2023-01-01", "lt": "2024-01-01"}}},
        lambda d: d["award_date"][:4] == "2023",
    ),
    "range date to the day's end": (
        {"range": {"award_date": {"gt": "2023-12-14", "lte": "2023-12-15"}}},
        lambda d: d["award_date"] == "2023-12-15",
    ),
    "range date zone": (
        {"range": {"award_date": {"gte": "2023-12-15T08:00:00+08:00", "lt": "2023-12-15T08:00:01+08:00"}}},
        lambda d: d["award_date"] == "2023-12-15",
    ),
    "range keyword": ({"range": {"contractor": {"gte": "B", "lt": "C"}}}, between("contractor", "B", "C")),
    "range keyword open": (
        {"range": {"contractor": {"gt": "QM BUILDERS", "lte": "WAWAO BUILDERS"}}},
        lambda d: "QM BUILDERS" < d["contractor"] <= "WAWAO BUILDERS",
    ),
    "bool must": (
        {"bool": {"must": [{"match": {"title": "dike"}}, {"range": {"amount": {"gte": 5e7}}}]}},
        lambda d: holds("title", "dike")(d) and d["amount"] >= 5e7,
    ),
    "bool filter with idle should": (
        {"bool": {"filter": {"match": {"title": "dike"}}, "should": {"match": {"title": "wall"}}}},
        holds("title", "dike"),
    ),
    "bool should": (
        {"bool": {"should": [{"match": {"title": "dike"}}, {"term": {"contractor": "QM BUILDERS"}}]}},
        lambda d: holds("title", "dike")(d) or d["contractor"] == "QM BUILDERS",
    ),
    "bool minimum": (
        {
            "bool": {
                "should": [{"match": {"title": word}} for word in ("flood", "river", "wall")],
                "minimum_should_match": "67%",
            }
        },
        holds("title", "flood", "river", "wall", least=2),
    ),
    "bool minimum with must": (
        {
            "bool": {
                "must": {"match": {"title": "dike"}},
                "should": [{"match": {"title": "river"}}],
                "minimum_should_match": 1,
            }
        },
        holds("title", "dike", "river"),
    ),
    "bool minimum too high": (
        {"bool": {"should": [{"match": {"title": "dike"}}], "minimum_should_match": 2}},
        lambda d: False,
    ),
    "bool must_not alone": (
        {"bool": {"must_not": {"match": {"title": "flood"}}}},
        lambda d: "flood" not in tokens(d["title"]),
    ),
    "bool nested": (
        {"bool": {"must_not": {"bool": {"must_not": {"bool": {"must_not": {"match": {"title": "dike"}}}}}}}},
        lambda d: "dike" not in tokens(d["title"]),
    ),
    "wildcard": ({"wildcard": {"contractor": "L?R. T*"}}, lambda d: d["contractor"].startswith("L.R. T")),
    "wildcard within": (
        {"wildcard": {"contractor": "QM*BUILDERS"}},
        lambda d: d["contractor"].startswith("QM") and d["contractor"].endswith("BUILDERS"),
    ),
    "wildcard any case": (
        {"wildcard": {"contractor": {"value": "wawao*", "case_insensitive": True}}},
        lambda d: d["contractor"].upper().startswith("WAWAO"),
    ),
    "wildcard escaped": ({"wildcard": {"contractor": "QM\\*"}}, lambda d: False),
    "wildcard is no regular expression": ({"wildcard": {"contractor": "L.R. TIQUI (BUILDERS|x)+*"}}, lambda d: False),
    "wildcard of text": (
        {"wildcard": {"title": "reve*ment"}},
        lambda d: any(w.startswith("reve") and w.endswith("ment") for w in tokens(d["title"])),
    ),
    "prefix": ({"prefix": {"contract_number": "24C"}}, lambda d: d["contract_number"].startswith("24C")),
    "prefix any case": (
        {"prefix": {"contract_number": {"value": "24c", "case_insensitive": True}}},
        lambda d: d["contract_number"].upper().startswith("24C"),
    ),
    "prefix of text": ({"prefix": {"title": "reve"}}, lambda d: any(w.startswith("reve") for w in tokens(d["title"]))),
    "fuzzy": ({"fuzzy": {"title": "drianage"}}, near("title", "drianage", 2)),
    "fuzzy 1": ({"fuzzy": {"title": {"value": "rivr", "fuzziness": 1}}}, near("title", "rivr", 1)),
    "fuzzy 0": ({"fuzzy": {"title": {"value": "river", "fuzziness": 0}}}, holds("title", "river")),
    "fuzzy prefix": (
        {"fuzzy": {"title": {"value": "revetmant", "prefix_length": 4}}},
        near("title", "revetmant", 2, 4),
    ),
    "fuzzy keyword": (
        {"fuzzy": {"contractor": "QM BUILDRES"}},
        lambda d: abs(len(d["contractor"]) - 11) <= 2 and osa(d["contractor"], "QM BUILDRES") <= 2,
    ),
    "exists": ({"exists": {"field": "amount"}}, lambda d: True),
    "exists text": ({"exists": {"field": "area.text"}}, lambda d: True),
    "ids": ({"ids": {"values": ["1", "9855", "9856"]}}, lambda d: False),
    "match_all": ({"match_all": {}}, lambda d: True),
}


@pytest.mark.parametrize("name", [name for name in CASES if name != "ids"])
def test_clause_finds_what_the_lines_hold_when_asked(
    name: str, documents: list[Document], found_ids: Callable[[Document], set[str]]
) -> None:
    query, test = CASES[name]
    assert found_ids(query) == {str(line) for line, document in enumerate(documents, 1) if test(document)}


def test_ids_finds_line_numbers_when_some_exist(found_ids: Callable[[Document], set[str]]) -> None:
    assert found_ids(CASES["ids"][0]) == {"1", "9855"}


def test_fuzzy_takes_swaps_for_two_edits_when_transpositions_are_off(
    found_ids: Callable[[Document], set[str]],
) -> None:
    swapped = {"value": "rievr", "fuzziness": 1}
    river = found_ids({"term": {"title": "river"}})
    assert river <= found_ids({"fuzzy": {"title": swapped}})
    assert not river & found_ids({"fuzzy": {"title": {**swapped, "transpositions": False}}})


def test_fuzzy_takes_the_nearest_terms_when_expansions_are_few(
    documents: list[Document], found_ids: Callable[[Document], set[str]]
) -> None:
    vocabulary = {word for document in documents for word in tokens(document["title"])}
    text = "roads"
    nearest = sorted(
        (word for word in vocabulary if osa(word, text) <= 2),
        key=lambda word: (osa(word, text) / min(len(word), len(text)), word),
    )[:3]
    assert len(nearest) == 3
    found = found_ids({"fuzzy": {"title": {"value": text, "fuzziness": 2, "max_expansions": 3}}})
    assert found == {
        str(line) for line, document in enumerate(documents, 1) if set(nearest) & set(tokens(document["title"]))
    }


@pytest.mark.parametrize("clause", ["match", "term", "match_phrase", "prefix", "wildcard", "fuzzy"])
def test_boost_lifts_a_clause_above_another_when_it_is_higher(clause: str, ask: Any) -> None:
    main = {"match": "query", "match_phrase": "query"}.get(clause, "value")

    def first(high: str, low: str) -> str:
        weighted = [{clause: {"title": {main: word, "boost": boost}}} for word, boost in ((high, 1000), (low, 0.001))]
        answer = ask({"bool": {"should": weighted}}, size=1)
        return str(answer["hits"]["hits"][0]["_source"]["title"]).lower()

    assert "revetment" in first("revetment", "drainage")
    assert "ainage" in first("drainage", "revetment")  # fuzzy finds a chainage as well


def test_filter_scores_nothing_when_it_matches(ask: Any) -> None:
    answer = ask({"bool": {"filter": {"match": {"title": "dike"}}}}, size=3)
    assert {hit["_score"] for hit in answer["hits"]["hits"]} == {0.0}
