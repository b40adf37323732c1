"""How each request of a batch ends by itself."""

from typing import Any

import msgspec
import pytest
from django.db import transaction

from common_apps.accounts.models import ProfileType, User
from common_apps.core import clock
from common_apps.core.ids import new_id
from common_apps.queries.services import publish_index
from common_apps.transfer.bundle.limits import Limits
from response_site.execution.models import IncomingRequest, QueryResult
from response_site.execution.services import deliver, execute
from response_site.execution.services.claim import claim_batch
from response_site.execution.services.drain import drain
from response_site.execution.services.execute import execute_batch
from response_site.search.engine import EngineFailure
from tests.response_site.execution.scene import (
    FIELDS,
    INDEX,
    Watched,
    answer_of,
    ask,
    bring,
    later,
    make_user,
    publish_rivers,
    send,
)

pytestmark = pytest.mark.django_db


def _problem(request: Any) -> dict[str, Any]:
    answer = answer_of(request)
    assert answer.status == "failed"
    row = IncomingRequest.objects.get(original_request_id=request.id)
    assert row.status == "failed" and row.error_message.startswith(answer.result_data["code"])
    return answer.result_data


def test_order_is_priority_then_age_when_a_batch_is_claimed(asker: User, engine: Watched) -> None:
    chief = make_user("chief", priority=10)
    late, early = ask(asker, asked_at=later(20)), ask(asker, asked_at=later(10))
    urgent_late, urgent = ask(chief, asked_at=later(40)), ask(chief, asked_at=later(30))
    bring(late, early, urgent_late, urgent)
    order = [claim_batch(worker="one", limit=1, now=later(99))[0].original_request_id for _ in range(4)]
    assert order == [urgent.id, urgent_late.id, early.id, late.id]
    assert claim_batch(worker="one", now=later(99)) == []


def test_misses_are_one_msearch_when_a_batch_is_executed(asker: User, engine: Watched) -> None:
    bring(*(ask(asker, size=size) for size in range(1, 31)))
    assert drain(worker="one").completed == 30
    assert [len(batch) for batch in engine.searched] == [30]


def test_user_inactive_fails_when_user_is_unknown_or_inactive(asker: User, engine: Watched) -> None:
    unknown, inactive = ask(new_id()), ask(make_user("gone", is_active=False))
    bring(unknown, inactive, ask(asker))
    report = drain(worker="one")
    assert (report.completed, report.failed) == (1, 2)
    for request in (unknown, inactive):
        problem = _problem(request)
        assert (problem["code"], problem["status"]) == ("user_inactive", 403)
        assert problem["request_id"] == str(request.trace_id)
        assert problem["instance"] == f"/api/v1/requests/{request.id}/"


def test_index_not_allowed_fails_alike_when_unknown_or_of_another_profile(asker: User, engine: Watched) -> None:
    publish_index(name="secrets", title="", fields=FIELDS, profile_types=["enterprise"])
    requests = [ask(asker, index=name) for name in ("secrets", "nowhere", "river*", "RIVERS", f"{INDEX},secrets")]
    bring(*requests)
    assert drain(worker="one").failed == len(requests)
    problems = [_problem(request) for request in requests]
    assert {problem["code"] for problem in problems} == {"index_not_allowed"}
    assert len({problem["detail"] for problem in problems}) == 1
    assert engine.count == 0


def test_validation_failed_names_every_fault_when_the_file_was_not_sound(asker: User, engine: Watched) -> None:
    request = ask(asker, query={"match": {"titel": "flood"}}, size=1001, script={})
    bring(request)
    drain(worker="one")
    problem = _problem(request)
    assert problem["code"] == "validation_failed"
    pointers = {error["pointer"] for error in problem["errors"]}
    assert pointers == {"/query_params/query/match/titel", "/query_params/size", "/query_params/script"}
    assert engine.count == 0


def test_validation_failed_when_query_type_is_unknown(asker: User, engine: Watched) -> None:
    request = ask(asker, query_type="sorcery")
    bring(request)
    drain(worker="one")
    assert [error["pointer"] for error in _problem(request)["errors"]] == ["/query_type"]


def test_validation_failed_when_size_is_beyond_the_profile(asker: User, engine: Watched) -> None:
    ProfileType.objects.filter(name="basic").update(max_size=20)
    allowed, refused = ask(asker, size=20), ask(asker, size=21)
    bring(allowed, refused)
    drain(worker="one")
    assert answer_of(allowed).status == "completed"
    assert [error["pointer"] for error in _problem(refused)["errors"]] == ["/query_params/size"]


def test_too_many_buckets_fails_with_its_reason_when_beside_sound_requests(asker: User, engine: Watched) -> None:
    histogram = {"histogram": {"field": "length", "interval": 0.001, "min_doc_count": 0}}
    bad = ask(asker, query_type="aggregation", query={"match_all": {}}, size=0, aggs={"fine": histogram})
    sound = [ask(asker, size=size) for size in range(1, 5)]
    bring(bad, *sound)
    report = drain(worker="one")
    assert (report.completed, report.failed) == (4, 1)
    problem = _problem(bad)
    assert problem["code"] == "too_many_buckets" and "10000" in problem["detail"].replace(",", "")
    _, sent = send()
    assert next(one for one in sent if one.request_id == bad.id).status == "failed"


def test_engine_error_fails_one_request_when_the_engine_raises_for_it(asker: User, engine: Watched) -> None:
    bad = ask(asker, query={"match": {"title": "poison"}})
    sound = [ask(asker, size=size) for size in range(1, 4)]
    bring(bad, *sound)
    engine.error, engine.error_for = ValueError("unforeseen"), "{'match': {'title': {'query': 'poison'}}}"
    report = drain(worker="one")
    assert (report.completed, report.failed) == (3, 1)
    problem = _problem(bad)
    assert problem["code"] == "engine_error" and "unforeseen" not in str(problem)


def test_request_is_tried_five_times_more_when_its_failure_may_pass(asker: User, engine: Watched) -> None:
    request = ask(asker)
    bring(request)
    engine.failure = EngineFailure("query_timeout", "It took longer than 30 s.", retryable=True)
    waits = []
    for attempt in range(1, 6):
        assert drain(worker="one").retried == 1
        row = IncomingRequest.objects.get()
        assert (row.status, row.retry_count, row.assigned_worker) == ("retry", attempt, "")
        assert claim_batch(worker="early", now=row.available_at - (later(1) - later(0))) == []
        assert row.started_at is not None
        waits.append((row.available_at - row.started_at).total_seconds())
        IncomingRequest.objects.update(available_at=later(0))
    for attempt, wait in enumerate(waits, 1):
        assert 2**attempt <= wait <= 2**attempt * 1.5 + 2
    assert not QueryResult.objects.exists()
    assert drain(worker="one").failed == 1
    assert _problem(request)["code"] == "query_timeout"
    assert IncomingRequest.objects.get().retry_count == 5


def test_request_is_answered_when_its_failure_passes(asker: User, engine: Watched) -> None:
    bring(ask(asker))
    engine.failure = EngineFailure("query_timeout", "It took longer than 30 s.", retryable=True)
    drain(worker="one")
    engine.failure = None
    assert drain(worker="one").completed == 0, "its time has not come"
    IncomingRequest.objects.update(available_at=later(0))
    assert drain(worker="one").completed == 1
    assert QueryResult.objects.get().status == "completed"


@pytest.mark.parametrize("how", ["raises", "says so"])
def test_requests_wait_and_go_on_when_the_engine_was_down(asker: User, engine: Watched, how: str) -> None:
    bring(*(ask(asker, size=size) for size in range(1, 4)))
    for _ in range(7):
        engine.is_down = how == "raises"
        engine.failure = None if engine.is_down else EngineFailure("engine_unavailable", "busy", retryable=True)
        report = drain(worker="one")
        assert (report.waiting, report.retried, report.failed) == (3, 0, 0) and report.outage
        assert set(IncomingRequest.objects.values_list("status", "retry_count")) == {("pending", 0)}
        assert claim_batch(worker="early", now=clock.now()) == []
        IncomingRequest.objects.update(available_at=later(0))
    engine.is_down, engine.failure = False, None
    assert drain(worker="one").completed == 3
    assert IncomingRequest.objects.filter(status="completed", error_message="").count() == 3


def test_drain_stops_when_the_engine_is_down(asker: User, engine: Watched) -> None:
    bring(*(ask(asker, size=size) for size in range(1, 121)))
    engine.is_down = True
    assert drain(worker="one").waiting == 50
    assert len(engine.searched) == 1


def test_drain_says_what_is_left_when_its_time_is_up(asker: User, engine: Watched) -> None:
    bring(ask(asker))
    report = drain(worker="one", budget_seconds=0)
    assert report.left and report.completed == 0
    assert not drain(worker="one").left


def test_result_too_large_fails_when_no_line_can_hold_the_answer(
    asker: User, engine: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute, "DEFAULT_LIMITS", Limits(line=6000))
    small, large = ask(asker, size=1), ask(asker, size=40)
    bring(small, large)
    report = drain(worker="one")
    assert (report.completed, report.failed) == (1, 1)
    assert _problem(large)["code"] == "result_too_large"


def test_result_too_large_is_sent_when_the_limit_was_lowered_afterwards(
    asker: User, engine: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = ask(asker, size=40)
    bring(request)
    drain(worker="one")
    monkeypatch.setattr(deliver, "DEFAULT_LIMITS", Limits(line=6000))
    _, (sent,) = send()
    assert (sent.status, sent.result_count) == ("failed", None)
    assert msgspec.json.decode(sent.result)["code"] == "result_too_large"
    assert answer_of(request).result_data["code"] == "result_too_large"
    assert len(bytes(sent.result)) == answer_of(request).result_bytes


def test_engine_error_fails_when_the_answer_could_not_be_read_over_there(asker: User, engine: Watched) -> None:
    nested: Any = "deep"
    for _ in range(40):
        nested = [nested]
    deep, sound = ask(asker), ask(asker, size=3)
    bring(deep, sound)
    real = engine.msearch

    def msearch(requests: Any, **options: Any) -> Any:
        answers = real(requests, **options)
        answers[0]["hits"]["hits"][0]["_source"] = {"nested": nested}
        return answers

    engine.msearch = msearch
    report = drain(worker="one")
    assert (report.completed, report.failed) == (1, 1)
    assert len(send()[1]) == 2


def test_internal_error_fails_one_request_when_its_answer_is_not_what_the_kind_expects(
    asker: User, engine: Watched
) -> None:
    odd, sound = ask(asker), ask(asker, size=3)
    bring(odd, sound)
    real = engine.msearch

    def msearch(requests: Any, **options: Any) -> Any:
        answers = real(requests, **options)
        del answers[0]["hits"]["total"]
        return answers

    engine.msearch = msearch
    report = drain(worker="one")
    assert (report.completed, report.failed) == (1, 1)
    assert _problem(odd)["code"] == "internal_error"


def test_row_is_not_answered_twice_when_its_lease_was_taken(asker: User, engine: Watched) -> None:
    bring(ask(asker), ask(asker, size=3))
    slow = claim_batch(worker="slow", now=later(0))
    quick = claim_batch(worker="quick", now=later(1000))
    assert len(slow) == 2 and len(quick) == 1, "what a worker was lost with is claimed alone"
    third = claim_batch(worker="third", now=later(1000))
    first = execute_batch(claims=quick, worker="quick", engine=engine)
    late = execute_batch(claims=slow, worker="slow", engine=engine)
    assert (first.settled.completed, late.settled.completed, late.settled.lost) == (1, 0, 2)
    assert QueryResult.objects.count() == 1
    assert execute_batch(claims=third, worker="third", engine=engine).settled.completed == 1
    assert set(IncomingRequest.objects.values_list("status", "assigned_worker")) == {
        ("completed", "quick"),
        ("completed", "third"),
    }


def test_row_fails_when_five_workers_died_with_it(asker: User, engine: Watched) -> None:
    request, neighbour = ask(asker), ask(asker, size=3, asked_at=later(1))
    bring(request, neighbour)
    moment = 0
    for _ in range(5):
        claims = claim_batch(worker="dying", now=later(moment))
        assert claims[0].original_request_id == request.id
        moment += 1000
    IncomingRequest.objects.filter(original_request_id=neighbour.id).update(lost_leases=0)
    assert IncomingRequest.objects.filter(status="retry").count() <= 1
    report = drain(worker="alive")
    assert _problem(request)["code"] == "worker_lost"
    assert report.failed == 1 and answer_of(neighbour).status == "completed"
    assert engine.count == 1


def test_nothing_is_written_when_the_transaction_fails(
    asker: User, engine: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(ask(asker))
    claims = claim_batch(worker="one", now=later(0))
    monkeypatch.setattr("response_site.execution.services.settle._STATES", "SELECT 1 / 0")
    with pytest.raises(Exception, match="division by zero"), transaction.atomic():
        execute_batch(claims=claims, worker="one", engine=engine)
    assert not QueryResult.objects.exists()
    assert IncomingRequest.objects.get().status == "processing"


def test_catalogue_counts_when_it_changed_after_the_import(asker: User, engine: Watched) -> None:
    request = ask(asker)
    bring(request)
    publish_rivers(profiles=["enterprise"])
    drain(worker="one")
    assert _problem(request)["code"] == "index_not_allowed"
