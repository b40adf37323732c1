"""Loading into a real Elasticsearch: the alias moves in one step, and only when all is well."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from common_apps.queries.language.normalized import NormalizedRequest
from response_site.search.dataset import DatasetError
from response_site.search.elasticsearch_engine import ElasticsearchEngine
from response_site.search.engine import EngineFailure, IndexMissingError, IndexWriteError
from response_site.search.services import load_dataset
from tests.plain.search.test_loading import DATASET, MAPPING


@pytest.fixture
def engine(elasticsearch_url: str) -> Iterator[ElasticsearchEngine]:
    engine = ElasticsearchEngine(elasticsearch_url)
    engine.delete_index("things")
    yield engine
    engine.delete_index("things")
    engine.close()


def load(engine: ElasticsearchEngine, folder: Path, documents: list[Any]) -> Any:
    file = folder / "things.jsonl"
    file.write_text("".join(json.dumps(document) + "\n" for document in documents))
    return load_dataset(engine=engine, name="things", file=file, dataset=DATASET)


def generations(url: str) -> list[str]:
    with Elasticsearch(url) as client:
        return list(client.indices.get(index="things*").body)


def test_alias_names_one_generation_when_loads_follow_one_another(
    engine: ElasticsearchEngine, elasticsearch_url: str, tmp_path: Path
) -> None:
    assert load(engine, tmp_path, [{"name": "a"}]).documents == 1
    first = generations(elasticsearch_url)
    assert load(engine, tmp_path, [{"name": "b", "size": 1}, {"name": "c"}]).fields["size"] == "integer"
    second = generations(elasticsearch_url)
    assert len(first) == len(second) == 1
    assert first != second
    assert engine.count("things") == 2
    health = engine.health("things")
    assert (health.ok, health.documents) == (True, 2)


def test_alias_names_the_newest_when_two_generations_are_made_in_one_second(
    engine: ElasticsearchEngine, elasticsearch_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.strftime", lambda *_: "20261123120000")
    for end in ("ffffff", "000000"):  # the younger one sorts before the older
        monkeypatch.setattr("secrets.token_hex", lambda size, end=end: end)
        engine.create_index("things", MAPPING)
    assert generations(elasticsearch_url) == ["things-20261123120000-000000"]
    assert engine.fields("things")["name"]


def test_index_is_the_old_one_when_a_line_is_bad(
    engine: ElasticsearchEngine, elasticsearch_url: str, tmp_path: Path
) -> None:
    load(engine, tmp_path, [{"name": "a"}])
    before = generations(elasticsearch_url)
    with pytest.raises(DatasetError, match="line 3"):
        load(engine, tmp_path, [{"name": "b"}, {"name": "c"}, {"size": "x"}])
    assert generations(elasticsearch_url) == before
    assert engine.count("things") == 1


def test_bulk_names_the_document_when_elasticsearch_refuses_it(engine: ElasticsearchEngine) -> None:
    engine.create_index("things", MAPPING)
    with pytest.raises(IndexWriteError, match='Document "7"'):
        engine.bulk("things", [("6", {"name": "a"}), ("7", {"size": "many"})])
    with pytest.raises(IndexMissingError):
        engine.bulk("nowhere", [("1", {"name": "a"})])


def test_batch_answers_item_by_item_when_an_index_is_missing(engine: ElasticsearchEngine, tmp_path: Path) -> None:
    load(engine, tmp_path, [{"name": "a"}])
    good, gone = (NormalizedRequest(index, {"match_all": {}}) for index in ("things", "nowhere"))
    answers = engine.msearch([good, gone, good], timeout_seconds=5, preference="42")
    assert [getattr(answer, "code", "answer") for answer in answers] == ["answer", "index_missing", "answer"]
    assert not isinstance(answers[0], EngineFailure)
    assert answers[0]["hits"]["hits"][0]["_index"] == "things"
    assert not engine.health("nowhere").ok


def test_documents_come_back_clean_when_they_held_unsafe_characters(engine: ElasticsearchEngine) -> None:
    engine.create_index("things", MAPPING)
    engine.bulk("things", [("1", {"name": "a\x00\ud800"})])
    engine.refresh("things")
    answer = engine.search(NormalizedRequest("things", {"match_all": {}}), timeout_seconds=5)
    assert not isinstance(answer, EngineFailure)
    assert answer["hits"]["hits"][0]["_source"] == {"name": "a\ufffd\ufffd"}
