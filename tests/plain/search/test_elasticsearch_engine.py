"""What the Elasticsearch engine makes of a server that is busy, slow, broken or away: a server that we script."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from common_apps.queries.language.normalized import NormalizedRequest
from response_site.search.elasticsearch_engine import ElasticsearchEngine
from response_site.search.elasticsearch_engine.bodies import search_body
from response_site.search.engine import MAX_BUCKETS, EngineFailure, EngineUnavailable, IndexMissingError
from response_site.search.services import load_dataset
from tests.plain.search.test_loading import DATASET

Item = dict[str, Any]
Reply = Callable[[str, list[Any]], tuple[int, Any]]

GOOD: Item = {
    "took": 3,
    "timed_out": False,
    "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
    "hits": {
        "total": {"value": 1, "relation": "eq"},
        "max_score": 1.0,
        "hits": [{"_index": "contracts-20261123000000-abcdef", "_id": "1", "_score": 1.0, "_source": {"a": "x\ud800"}}],
    },
    "status": 200,
}


def error(kind: str, status: int, **more: Any) -> Item:
    return {
        "error": {"root_cause": [{"type": kind, "reason": f"because {kind}"}], "type": kind, **more},
        "status": status,
    }


class Server:
    """Answers every request as `reply(path, lines)` says, and remembers what came."""

    def __init__(self) -> None:
        self.reply: Reply = lambda path, lines: (200, {"responses": [GOOD] * (len(lines) // 2)})
        self.seen: list[tuple[str, list[Any]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                raw = self.rfile.read(int(self.headers.get("content-length", 0)))
                lines = [json.loads(line) for line in raw.splitlines() if line]
                outer.seen.append((self.path, lines))
                status, body = outer.reply(self.path, lines)
                packed = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("x-elastic-product", "Elasticsearch")
                self.send_header("content-length", str(len(packed)))
                self.end_headers()
                self.wfile.write(packed)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer  # noqa: N815 - http.server's names

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def remote(server: Server) -> Iterator[ElasticsearchEngine]:
    engine = ElasticsearchEngine(server.url)
    yield engine
    engine.close()


REQUEST = NormalizedRequest("contracts", {"match_all": {}})


def answers(remote: ElasticsearchEngine, count: int = 1) -> list[Any]:
    return remote.msearch([REQUEST] * count, timeout_seconds=5, preference="7")


def test_answer_bears_the_public_name_when_a_generation_gave_it(server: Server, remote: ElasticsearchEngine) -> None:
    (answer,) = answers(remote)
    assert list(answer) == ["took", "timed_out", "_shards", "hits"]
    assert answer["hits"]["hits"][0] == {"_index": "contracts", "_id": "1", "_score": 1.0, "_source": {"a": "x\ufffd"}}
    (_, (header, body)) = server.seen[0]
    assert header == {"index": "contracts", "preference": "asker-7"}
    assert (body["timeout"], body["track_total_hits"]) == ("5000ms", True)


def test_batches_hold_a_hundred_searches_when_there_are_more(server: Server, remote: ElasticsearchEngine) -> None:
    assert len(answers(remote, 250)) == 250
    assert [len(lines) // 2 for _, lines in server.seen] == [100, 100, 50]


@pytest.mark.parametrize(
    ("item", "code", "retryable"),
    [
        (error("too_many_buckets_exception", 400), "too_many_buckets", False),
        (error("x", 503, caused_by={"type": "too_many_buckets_exception"}), "too_many_buckets", False),
        (error("index_not_found_exception", 404), "index_missing", True),
        (error("parsing_exception", 400), "engine_error", False),
        (error("null_pointer_exception", 500), "engine_error", True),
        ({**GOOD, "timed_out": True}, "query_timeout", True),
        ({**GOOD, "_shards": {"failed": 1, "failures": [{"reason": {"reason": "gone"}}]}}, "engine_unavailable", True),
    ],
)
def test_search_fails_alone_when_its_item_is_no_answer(
    server: Server, remote: ElasticsearchEngine, item: Item, code: str, retryable: bool
) -> None:
    server.reply = lambda path, lines: (200, {"responses": [GOOD, item, GOOD]})
    first, second, third = answers(remote, 3)
    assert isinstance(first, dict)
    assert isinstance(third, dict)
    assert isinstance(second, EngineFailure)
    assert (second.code, second.retryable) == (code, retryable)
    assert len(server.seen) == 1


@pytest.mark.parametrize(("inner", "code"), [(MAX_BUCKETS - 1, "answer"), (MAX_BUCKETS, "too_many_buckets")])
def test_answer_is_refused_when_it_holds_too_many_buckets(
    server: Server, remote: ElasticsearchEngine, inner: int, code: str
) -> None:
    below = {"filters": {"filters": {}}, "aggs": {"deep": {"histogram": {"field": "x", "interval": 1}}}}
    aggs = {"buckets": {"filter": {"match_all": {}}, "aggs": {"hits": below}}, "value": {"sum": {"field": "x"}}}
    answer = {"hits": {"buckets": {"a": {"deep": {"buckets": [{}] * inner}}}}, "doc_count": 1}
    server.reply = lambda path, lines: (
        200,
        {"responses": [{**GOOD, "aggregations": {"buckets": answer, "value": {"value": 1}}}]},
    )
    found = remote.search(NormalizedRequest("contracts", {"match_all": {}}, aggs=aggs), timeout_seconds=5)
    assert getattr(found, "code", "answer") == code


def test_search_is_asked_again_alone_when_the_cluster_was_busy(server: Server, remote: ElasticsearchEngine) -> None:
    busy = error("es_rejected_execution_exception", 429)

    def reply(path: str, lines: list[Any]) -> tuple[int, Any]:
        if len(server.seen) == 1:
            return 503, {"error": "starting"}
        if len(server.seen) == 2:
            return 200, {"responses": [GOOD, busy, GOOD]}
        return 200, {"responses": [GOOD]}

    server.reply = reply
    assert [type(answer) for answer in answers(remote, 3)] == [dict] * 3
    assert [len(lines) // 2 for _, lines in server.seen] == [3, 3, 1]


def test_search_is_given_up_when_the_cluster_stays_busy(server: Server, remote: ElasticsearchEngine) -> None:
    busy = error("es_rejected_execution_exception", 429)
    server.reply = lambda path, lines: (200, {"responses": [busy] * (len(lines) // 2)})
    (answer,) = answers(remote)
    assert (answer.code, answer.retryable, len(server.seen)) == ("engine_unavailable", True, 4)
    server.reply = lambda path, lines: (429, {})
    with pytest.raises(EngineUnavailable, match="429"):
        answers(remote)


def test_slow_search_fails_alone_when_the_server_lives(server: Server, remote: ElasticsearchEngine) -> None:
    def reply(path: str, lines: list[Any]) -> tuple[int, Any]:
        if path.startswith("/contracts/_count"):
            return 200, {"count": 5, "_shards": {"failed": 0}}
        if any(line.get("size") == 1000 for line in lines):
            time.sleep(2.6)
        return 200, {"responses": [GOOD] * (len(lines) // 2)}

    server.reply = reply
    slow = NormalizedRequest("contracts", {"match_all": {}}, size=1000)
    found = remote.msearch([REQUEST, slow, REQUEST], timeout_seconds=0.1)
    assert [getattr(answer, "code", "answer") for answer in found] == ["answer", "query_timeout", "answer"]


def test_engine_is_unavailable_when_nothing_listens(server: Server) -> None:
    server.stop()
    away = ElasticsearchEngine(server.url)
    for use in (
        lambda: away.msearch([REQUEST], timeout_seconds=1),
        lambda: away.fields("contracts"),
        lambda: away.count("contracts"),
        lambda: away.bulk("contracts", [("1", {})]),
        lambda: away.refresh("contracts"),
        lambda: away.create_index("contracts", {"properties": {"a": {"type": "keyword"}}}),
    ):
        with pytest.raises(EngineUnavailable, match="ELASTICSEARCH_URL"):
            use()
    assert not away.health("contracts").ok


@pytest.mark.parametrize("status", [401, 403])
def test_engine_names_the_credentials_when_they_are_refused(
    server: Server, remote: ElasticsearchEngine, status: int
) -> None:
    server.reply = lambda path, lines: (status, {"error": "security"})
    with pytest.raises(EngineUnavailable, match="ELASTICSEARCH_USERNAME"):
        answers(remote)


def test_index_is_missing_when_the_server_says_so(server: Server, remote: ElasticsearchEngine) -> None:
    server.reply = lambda path, lines: (404, {"error": {"type": "index_not_found_exception"}})
    with pytest.raises(IndexMissingError):
        remote.count("contracts")
    assert not remote.health("contracts").ok


def test_load_leaves_the_alias_alone_when_it_fails(server: Server, remote: ElasticsearchEngine, tmp_path: Any) -> None:
    server.reply = lambda path, lines: (200, {}) if "_bulk" not in path else (503, {})
    file = tmp_path / "things.jsonl"
    file.write_text('{"name": "a"}\n')
    with pytest.raises(EngineUnavailable):
        load_dataset(engine=remote, name="things", file=file, dataset=DATASET)
    assert not any("_aliases" in path for path, _ in server.seen)


@pytest.mark.parametrize("index", ["*", "a,b", "_all", "-a", "<a-{now/d}>", "other:a", ""])
def test_name_is_no_index_when_it_is_a_pattern(server: Server, remote: ElasticsearchEngine, index: str) -> None:
    found = remote.msearch([REQUEST, NormalizedRequest(index, {"match_all": {}}), REQUEST], timeout_seconds=5)
    assert [getattr(answer, "code", "answer") for answer in found] == ["answer", "index_missing", "answer"]
    assert [len(lines) // 2 for _, lines in server.seen] == [2]
    remote.delete_index(index)
    assert len(server.seen) == 1


def test_body_asks_for_exact_counts_when_elasticsearch_would_estimate() -> None:
    aggs = {
        "c": {"cardinality": {"field": "area"}},
        "t": {
            "terms": {"field": "area", "order": [{"p": "asc"}]},
            "aggs": {"p": {"percentiles": {"field": "amount"}}, "c": {"cardinality": {"field": "area"}}},
        },
        "u": {"terms": {"field": "area"}},
    }
    body = search_body(NormalizedRequest("contracts", {"match_all": {}}, aggs=aggs), timeout_seconds=30)["aggs"]
    assert body["c"]["cardinality"]["precision_threshold"] == 40_000
    assert body["t"]["terms"]["shard_size"] == 50_000
    assert body["t"]["aggs"]["p"]["percentiles"]["tdigest"] == {"compression": 1000}
    assert body["t"]["aggs"]["c"] == {"cardinality": {"field": "area"}}
    assert body["u"] == {"terms": {"field": "area"}}
