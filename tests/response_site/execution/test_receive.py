"""What a request that comes does when it comes again, comes changed, or was given up."""

import msgspec
import pytest

from common_apps.accounts.models import User
from common_apps.core.ids import new_id
from common_apps.transfer.bundle import records
from response_site.execution.models import Cancellation, IncomingRequest, QueryResult
from response_site.execution.services.drain import drain
from response_site.execution.streams import ResultSender
from tests.response_site.execution.scene import AT, Watched, ask, bring, later, make_user, send

pytestmark = pytest.mark.django_db


def _with_params(request: records.Request, raw: bytes) -> records.Request:
    return msgspec.structs.replace(request, query_params=msgspec.Raw(raw))


def _cancel(request: records.Request) -> records.Cancel:
    return records.Cancel(id=new_id(), request_id=request.id, user_id=request.user_id, timestamp=AT)


def test_priority_is_that_of_our_own_row_when_the_record_claims_another(asker: User) -> None:
    bring(ask(make_user("chief", priority=8)), ask(asker), ask(new_id()))
    assert sorted(IncomingRequest.objects.values_list("priority", flat=True)) == [5, 5, 8]


def test_known_request_is_counted_when_its_content_is_the_same(asker: User) -> None:
    request = _with_params(ask(asker), b'{"index":"rivers","query":{"match":{"title":"flood"}},"size":1,"from":0}')
    bring(request)
    spelled = _with_params(request, b'{"from": 0, "query": {"match": {"title":"flood"}}, "size": 1,"index":"rivers"}')
    applied = bring(spelled, ask(asker))
    assert (applied.applied, applied.known, applied.conflicts, applied.woken) == (1, 1, (), {"pending": 1})
    assert IncomingRequest.objects.count() == 2


@pytest.mark.parametrize("change", ["user_id", "query_type", "query_params"])
def test_known_request_is_a_conflict_when_its_content_differs(asker: User, change: str) -> None:
    request = ask(asker)
    bring(request)
    other = {
        "user_id": new_id(),
        "query_type": "term",
        "query_params": msgspec.Raw(b'{"index": "rivers", "query": {"match": {"title": "floods"}}}'),
    }[change]
    applied = bring(msgspec.structs.replace(request, **{change: other}), ask(asker))
    assert (applied.applied, applied.known, applied.conflicts) == (1, 0, (request.id,))
    assert IncomingRequest.objects.get(original_request_id=request.id).user_id == asker.id


def test_known_request_is_the_same_when_what_else_it_says_differs(asker: User) -> None:
    request = ask(asker)
    bring(request)
    assert bring(msgspec.structs.replace(request, priority=1, timestamp=later(9), trace_id=new_id())).known == 1


@pytest.mark.parametrize("number", [b"1e-20000", b"1e308", b"1" + b"0" * 300, b"-0.0", b"1E3"])
def test_request_is_entered_when_its_numbers_are_at_the_edge(asker: User, engine: Watched, number: bytes) -> None:
    request = _with_params(
        ask(asker, query_type="range"), b'{"index":"rivers","query":{"range":{"length":{"gt":%s}}}}' % number
    )
    request = msgspec.structs.replace(request, query_type="range")
    assert bring(request).applied == 1
    assert bring(request).known == 1
    drain(worker="one")
    _, (sent,) = send()
    assert sent.request == request


@pytest.mark.parametrize(("depth", "comes_back"), [(31, True), (32, False)])
def test_answer_can_be_read_over_there_when_the_request_is_as_deep_as_a_line_may_be(
    asker: User, engine: Watched, depth: int, comes_back: bool
) -> None:
    # The record and query_params are two levels of these.
    nested = b"[" * (depth - 2) + b"]" * (depth - 2)
    request = _with_params(ask(asker), b'{"index":"rivers","query":%s}' % nested)
    bring(request)
    assert drain(worker="one").failed == 1
    _, (sent,) = send()
    assert sent.request == (request if comes_back else None)
    assert (sent.request_id, sent.status) == (request.id, "failed")


def test_answer_is_sent_again_when_the_asker_has_lost_a_confirmed_one(asker: User, engine: Watched) -> None:
    request = ask(asker)
    bring(request)
    drain(worker="one")
    batch_id, (first,) = send()
    bring(request)
    assert ResultSender().waiting().count == 0, "what is still carried needs no second bundle"
    ResultSender().confirm(batch_id=batch_id, conflicts=(), at=AT)
    assert bring(request, at=later(60)).woken == {"pending": 0}
    _, (again,) = send(seq=2)
    assert again == first
    assert engine.count == 1


def test_request_is_executed_again_when_its_answer_is_gone(asker: User, engine: Watched) -> None:
    request = ask(asker)
    bring(request)
    drain(worker="one")
    QueryResult.objects.all().delete()
    assert bring(request).woken == {"pending": 1}
    assert drain(worker="two").completed == 1
    assert IncomingRequest.objects.get().status == "completed"


def test_request_is_cancelled_when_it_still_waits(asker: User, engine: Watched) -> None:
    request, other = ask(asker), ask(asker, size=2)
    bring(request, other)
    applied = bring(_cancel(request), at=later(5))
    assert (applied.applied, applied.known, applied.woken) == (1, 0, {"pending": 0})
    assert drain(worker="one").completed == 1
    _, sent = send()
    cancelled = next(one for one in sent if one.request_id == request.id)
    assert (cancelled.status, bytes(cancelled.result), cancelled.executed_at) == ("cancelled", b"null", None)
    assert cancelled.request == request


def test_request_is_cancelled_when_the_cancellation_came_before_it(asker: User, engine: Watched) -> None:
    request = ask(asker)
    bring(_cancel(request))
    applied = bring(request)
    assert (applied.applied, applied.woken) == (1, {"pending": 0})
    assert drain(worker="one").completed == 0
    assert QueryResult.objects.get().status == "cancelled"


def test_answer_stands_when_the_cancellation_came_too_late(asker: User, engine: Watched) -> None:
    request = ask(asker)
    bring(request)
    drain(worker="one")
    bring(_cancel(request))
    assert QueryResult.objects.get().status == "completed"
    assert IncomingRequest.objects.get().status == "completed"


def test_cancellation_is_known_or_a_conflict_when_it_comes_again(asker: User) -> None:
    cancel = _cancel(ask(asker))
    bring(cancel)
    assert bring(cancel).known == 1
    applied = bring(msgspec.structs.replace(cancel, request_id=new_id()))
    assert (applied.applied, applied.known, applied.conflicts) == (0, 0, (cancel.id,))
    assert Cancellation.objects.count() == 1
