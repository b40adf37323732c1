"""The way through the response site: a request comes, is executed, and its answer leaves."""

import msgspec
import pytest
from django.db import connection

from common_apps.accounts.models import User
from response_site.execution.models import IncomingRequest, QueryResult
from response_site.execution.services.drain import drain
from response_site.execution.streams import ResultSender
from tests.response_site.execution.scene import AT, Watched, answer_of, ask, bring, later, send

pytestmark = pytest.mark.django_db


def test_request_is_answered_and_sent_when_it_is_sound(asker: User, engine: Watched) -> None:
    request = ask(asker, query_type="term", query={"term": {"name": "river 7"}})
    applied = bring(request)
    assert (applied.applied, applied.known, applied.conflicts, applied.woken) == (1, 0, (), {"pending": 1})
    report = drain(worker="one")
    assert (report.completed, report.failed, report.left, report.outage) == (1, 0, False, None)
    row = IncomingRequest.objects.get(original_request_id=request.id)
    assert row.status == "completed" and row.completed_at is not None
    assert row.elasticsearch_query["query"] == {"term": {"name": {"value": "river 7"}}}
    _, (sent,) = send()
    assert sent.request == request and sent.request_id == request.id and sent.trace_id == request.trace_id
    assert (sent.status, sent.result_count, sent.cache.hit, sent.cache.age_s) == ("completed", 1, False, None)
    result = msgspec.json.decode(sent.result)
    assert [hit["_id"] for hit in result["hits"]["hits"]] == ["7"]
    assert result["hits"]["total"] == {"value": 1, "relation": "eq"}
    assert sent.executed_at == answer_of(request).executed_at


def test_answer_is_confirmed_when_the_other_site_lists_its_bundle(asker: User, engine: Watched) -> None:
    bring(ask(asker))
    drain(worker="one")
    batch_id, _ = send()
    ResultSender().confirm(batch_id=batch_id, conflicts=(), at=later(60))
    answer = QueryResult.objects.get()
    assert (answer.delivery, answer.confirmed_at) == ("confirmed", later(60))
    assert ResultSender().waiting().count == 0
    assert not ResultSender().has_unanswered(batch_id=batch_id)


def test_no_index_is_touched_when_an_answer_leaves_and_is_confirmed(asker: User, engine: Watched) -> None:
    bring(ask(asker))
    drain(worker="one")
    before = _heap_only_updates()
    batch_id, _ = send()
    ResultSender().confirm(batch_id=batch_id, conflicts=(), at=later(60))
    # When its file is there, and when the other site has it.
    assert _heap_only_updates() - before == 2


def _heap_only_updates() -> int:
    """Of the rows of `query_results` so far, by this connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_get_xact_tuples_hot_updated('query_results'::regclass)")
        return int(cursor.fetchone()[0])


def test_waiting_tells_count_and_age_when_answers_wait(asker: User, engine: Watched) -> None:
    bring(ask(asker), ask(asker, size=3))
    drain(worker="one")
    waiting = ResultSender().waiting()
    assert waiting.count == 2
    assert waiting.oldest_at == min(QueryResult.objects.values_list("pending_since", flat=True))


def test_answers_are_sent_by_priority_and_age_when_a_bundle_is_full(asker: User, engine: Watched) -> None:
    bring(*(ask(asker, size=number) for number in range(5)))
    drain(worker="one")
    QueryResult.objects.update(pending_since=AT)
    urgent = QueryResult.objects.order_by("id").last()
    assert urgent is not None
    QueryResult.objects.filter(id=urgent.id).update(priority=9)
    _, first = send(limit=2)
    assert urgent.original_request_id in {one.request_id for one in first} and len(first) == 2
    _, rest = send(seq=2)
    assert len(rest) == 3 and not {one.id for one in first} & {one.id for one in rest}


def test_answer_waits_again_when_its_bundle_is_given_up(asker: User, engine: Watched) -> None:
    bring(ask(asker), ask(asker, size=3))
    drain(worker="one")
    batch_id, (first, second) = send()
    assert ResultSender().requeue(batch_id=batch_id, only=[first.id]) == 1
    _, (again,) = send(seq=2)
    assert again == first
    # The row's newest bundle is another one now: the old one's fate no longer concerns it.
    assert ResultSender().requeue(batch_id=batch_id) == 1
    assert QueryResult.objects.get(id=second.id).delivery == "pending"
    assert QueryResult.objects.get(id=first.id).delivery == "exported"


def test_answer_goes_anew_as_a_failure_when_its_bundle_was_discarded(asker: User, engine: Watched) -> None:
    request = ask(asker)
    bring(request)
    drain(worker="one")
    batch_id, (sent,) = send()
    ResultSender().end(batch_id=batch_id, code="bad_record", at=later(60))
    _, (again,) = send(seq=2)
    assert (again.status, again.request_id, again.result_count) == ("failed", request.id, None)
    assert again.id != sent.id and again.request == request
    assert msgspec.json.decode(again.result)["code"] == "answer_discarded"
    assert QueryResult.objects.get().metadata["discarded"]["result_id"] == str(sent.id)
