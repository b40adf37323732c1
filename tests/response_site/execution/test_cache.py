"""Answers that were given a moment ago."""

import json
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings
from django.core.management import call_command

from common_apps.accounts.models import User
from common_apps.queries.language import NormalizedRequest
from response_site.execution import cache
from response_site.execution.models import QueryResult
from response_site.execution.services.drain import drain
from response_site.execution.services.invalidate import invalidate_cache
from response_site.execution.tasks import maintain_cache
from response_site.search.tantivy_engine import TantivyEngine
from tests.response_site.execution.scene import AT, INDEX, MAPPING, Watched, answer_of, ask, bring, later, send

pytestmark = pytest.mark.django_db

COUNT_ALL: dict[str, Any] = {
    "query_type": "aggregation",
    "query": {"match_all": {}},
    "size": 0,
    "aggs": {"total": {"sum": {"field": "length"}}},
}


def _entries(client: redis.Redis) -> list[bytes]:
    return sorted(client.scan_iter("es:*"))


def test_key_is_the_designs_when_a_request_is_cached() -> None:
    request = NormalizedRequest(index=INDEX, query={"match_all": {}}, size=7, from_=3)
    key = cache.cache_key(request)
    prefix, index, digest, size, from_ = key.split(":")
    assert (prefix, index, size, from_) == ("es", INDEX, "7", "3") and len(digest) == 64
    assert cache.cache_key(NormalizedRequest(index=INDEX, query={"match_all": {}}, size=7, from_=3)) == key


def test_answer_says_so_when_it_comes_from_the_cache(asker: User, engine: Watched) -> None:
    first, second = ask(asker), ask(asker)
    bring(first)
    drain(worker="one")
    bring(second)
    report = drain(worker="one")
    assert (report.completed, report.hits, engine.count) == (1, 1, 1)
    assert answer_of(second).result_data == answer_of(first).result_data
    _, sent = send()
    told = {one.request_id: one for one in sent}
    assert (told[first.id].cache.hit, told[first.id].cache.age_s) == (False, None)
    assert told[second.id].cache.hit and told[second.id].cache.age_s == answer_of(second).cache_age_s
    assert (told[second.id].result_count, told[second.id].elasticsearch_took_ms) == (
        told[first.id].result_count,
        told[first.id].elasticsearch_took_ms,
    )


def test_equal_requests_are_searched_once_when_in_one_batch(asker: User, engine: Watched) -> None:
    bring(*(ask(asker) for _ in range(5)))
    assert drain(worker="one").completed == 5
    assert engine.count == 1
    assert sorted(QueryResult.objects.values_list("cache_hit", "cache_age_s")) == [(False, None), *[(True, 0)] * 4]


def test_failures_are_not_cached_when_a_query_fails(asker: User, engine: Watched, empty_cache: redis.Redis) -> None:
    histogram = {"histogram": {"field": "length", "interval": 0.001, "min_doc_count": 0}}
    bring(ask(asker, **COUNT_ALL | {"aggs": {"fine": histogram}}))
    assert drain(worker="one").failed == 1
    assert _entries(empty_cache) == []


def test_ttl_follows_the_class_when_stored(asker: User, engine: Watched, empty_cache: redis.Redis) -> None:
    bring(ask(asker))
    drain(worker="one")
    (normal,) = _entries(empty_cache)
    assert settings.CACHE_TTL - 5 <= empty_cache.ttl(normal) <= settings.CACHE_TTL
    for _ in range(2):
        bring(ask(asker))
        drain(worker="one")
    assert settings.CACHE_TTL * 3 - 5 <= empty_cache.ttl(normal) <= settings.CACHE_TTL * 3
    bring(ask(asker, **COUNT_ALL))
    drain(worker="one")
    (aggregation,) = set(_entries(empty_cache)) - {normal}
    assert settings.CACHE_TTL * 6 - 5 <= empty_cache.ttl(aggregation) <= settings.CACHE_TTL * 6


def test_age_is_seconds_since_execution_when_hit() -> None:
    entry = cache.Entry("", AT.timestamp(), 1, 1, cache.msgspec.Raw(b"{}"))
    assert entry.age_seconds(later(61.9)) == 61
    assert entry.age_seconds(later(-60)) == 0, "a clock that was put back"


def test_engine_is_asked_again_when_the_index_was_invalidated(
    asker: User, engine: Watched, empty_cache: redis.Redis
) -> None:
    bring(ask(asker))
    drain(worker="one")
    assert invalidate_cache(index="other") == 0
    assert invalidate_cache(index=INDEX) == 1
    assert _entries(empty_cache) == []
    bring(ask(asker))
    assert drain(worker="one").hits == 0
    assert engine.count == 2


def test_answer_under_way_is_not_found_when_its_index_was_invalidated_meanwhile(asker: User, engine: Watched) -> None:
    real = engine.msearch

    def msearch(requests: Any, **options: Any) -> Any:
        answers = real(requests, **options)
        cache.invalidate_index(INDEX)
        return answers

    engine.msearch = msearch
    bring(ask(asker))
    drain(worker="one")
    engine.msearch = real
    bring(ask(asker))
    assert drain(worker="one").hits == 0
    assert engine.count == 2


def test_queries_are_executed_when_the_cache_is_down(
    asker: User, engine: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    down = redis.Redis(host="127.0.0.1", port=1, socket_connect_timeout=1)
    tried = []

    def connect() -> redis.Redis:
        tried.append(1)
        return down

    monkeypatch.setattr(cache, "_client", connect)
    for _ in range(3):
        bring(ask(asker), ask(asker, size=3))
        report = drain(worker="one")
        assert (report.completed, report.hits) == (2, 0)
    assert len(tried) == 1, "a cache that is down is left alone for a while"
    assert maintain_cache() is None


def test_cache_is_used_again_when_it_came_back(asker: User, engine: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    cache._rest(redis.ConnectionError())
    bring(ask(asker))
    assert drain(worker="one").hits == 0
    monkeypatch.setattr(cache._Rest, "until", 0.0)
    for expected in (0, 1):
        bring(ask(asker))
        assert drain(worker="one").hits == expected


def test_foreign_entry_is_a_miss_when_it_can_not_be_read(
    asker: User, engine: Watched, empty_cache: redis.Redis
) -> None:
    bring(ask(asker))
    drain(worker="one")
    empty_cache.set(_entries(empty_cache)[0], b"\x80\x04pickle")
    bring(ask(asker))
    assert drain(worker="one").completed == 1
    assert engine.count == 2


def test_maintenance_drops_what_is_stale_and_tells_the_ratio(
    asker: User, engine: Watched, empty_cache: redis.Redis
) -> None:
    for _ in range(4):
        bring(ask(asker))
        drain(worker="one")
    bring(ask(asker, size=3))
    drain(worker="one")
    empty_cache.set("es-hot:es:rivers:0:1:0", 1)
    empty_cache.set("es:rivers:0:1:0", b"foreign")
    report = maintain_cache()
    assert report is not None
    assert (report["removed"], report["entries"]) == (2, {INDEX: 2})
    assert (report["lookups"], report["hits"], report["hit_ratio"]) == (5, 3, 0.6)
    assert maintain_cache()["hit_ratio"] is None


def test_engine_is_asked_again_when_load_dataset_replaced_the_index(
    asker: User, engine: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(ask(asker))
    drain(worker="one")
    documents = tmp_path / "rivers.jsonl"
    documents.write_text(json.dumps({"name": "river", "title": "flood", "length": 1.0}) + "\n")
    (tmp_path / "rivers.json").write_text(json.dumps({"index": INDEX, "title": "Rivers", "mapping": MAPPING}))
    replaced = TantivyEngine(tmp_path / "search")
    monkeypatch.setattr("response_site.search.management.commands.load_dataset.get_engine", lambda: replaced)
    call_command("load_dataset", INDEX, str(documents), every_profile=True)
    monkeypatch.setattr("response_site.execution.services.drain.get_engine", lambda: replaced)
    bring(ask(asker))
    assert drain(worker="one").hits == 0
    assert sorted(QueryResult.objects.values_list("result_count", flat=True)) == [1, 40]
