"""What the streams do to the rows: claimed, carried, held, answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest
from django.db import IntegrityError, connection, transaction

from common_apps.core.ids import new_id
from common_apps.transfer.bundle import records
from common_apps.transfer.bundle.codec import decode_record
from common_apps.transfer.choices import BundleMode, ExportStatus, ImportStatus
from common_apps.transfer.models import ExportBatch, ImportBatch
from common_apps.transfer.registry import log_receivers, log_senders, state_receivers
from request_site.submissions.models import Request, Response
from request_site.submissions.streams import RequestSender, ResultReceiver

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
PARAMS = {"index": "contracts", "query": {"range": {"amount": {"gte": 1e300}}}, "_source": ["titel \u06a9\n"]}


def make_request(**changes: Any) -> Request:
    return Request.objects.create(
        **{"user_id": new_id(), "query_type": "range", "query_params": PARAMS, "created_at": NOW, **changes}
    )


def make_export() -> UUID:
    return ExportBatch.objects.create(
        batch_type="requests",
        mode=BundleMode.BATCH,
        seq=ExportBatch.objects.count() + 1,
        status=ExportStatus.PROCESSING,
        created_at=NOW,
    ).pk


def make_import() -> UUID:
    return ImportBatch.objects.create(
        batch_type="results", status=ImportStatus.PROCESSING, created_at=NOW, last_met_at=NOW
    ).pk


def statuses() -> list[str]:
    return list(Request.objects.order_by("created_at", "id").values_list("status", flat=True))


def exported(count: int = 1) -> tuple[UUID, list[Request]]:
    """Requests that one bundle carried away."""
    made = [make_request(created_at=NOW + timedelta(seconds=number)) for number in range(count)]
    batch = make_export()
    sender = RequestSender()
    sender.claim(batch_id=batch, limit=count)
    sender.mark_exported(batch_id=batch, at=NOW)
    return batch, made


def result_of(request_id: UUID, **changes: Any) -> records.Result:
    return records.Result(
        **{
            "id": new_id(),
            "request_id": request_id,
            "status": "completed",
            "result": msgspec.Raw(b'{"took":3,"hits":{"total":{"value":1e300},"hits":[]}}'),
            "result_count": 7,
            "execution_time_ms": 5,
            "elasticsearch_took_ms": 3,
            "cache": records.CacheUse(hit=True, age_s=9),
            "executed_at": NOW,
            "trace_id": None,
            "request": None,
            **changes,
        }
    )


def wire_request(request_id: UUID) -> records.Request:
    return records.Request(
        id=request_id,
        user_id=new_id(),
        query_type="match",
        query_params=msgspec.Raw(b'{"index":"contracts","query":{"match":{"title":"x"}}}'),
        priority=9,
        timestamp=NOW,
        trace_id=new_id(),
    )


def apply(*results: records.Result) -> Any:
    return ResultReceiver().apply(sorted(results, key=lambda one: one.id), import_batch_id=make_import(), at=NOW)


def test_streams_are_registered_when_the_site_has_started() -> None:
    assert isinstance(log_senders["requests"], RequestSender)
    assert isinstance(log_receivers["results"], ResultReceiver)
    assert "catalogue" in state_receivers


def test_claim_takes_priority_first_then_age_when_more_wait_than_fit() -> None:
    late = make_request(priority=9, created_at=NOW + timedelta(minutes=1))
    early = make_request(priority=9)
    low = make_request(priority=3, created_at=NOW - timedelta(hours=1))
    assert RequestSender().waiting().count == 3
    assert RequestSender().waiting().oldest_at == low.created_at
    assert RequestSender().claim(batch_id=make_export(), limit=1) == 1
    assert Request.objects.get(status="queued").pk == early.pk
    assert RequestSender().claim(batch_id=make_export(), limit=1) == 1
    assert set(Request.objects.filter(status="queued").values_list("pk", flat=True)) == {early.pk, late.pk}


def test_read_writes_records_as_the_bundle_wants_them_when_numbers_and_texts_are_odd() -> None:
    made = [make_request(query_type='ra"nge'), make_request()]
    batch = make_export()
    RequestSender().claim(batch_id=batch, limit=10)
    lines = list(RequestSender().read(batch_id=batch))
    assert [line.id for line in lines] == sorted(row.pk for row in made)
    for line, row in zip(lines, sorted(made, key=lambda row: row.pk), strict=True):
        record = decode_record("requests", line.line)
        assert isinstance(record, records.Request)
        assert (record.id, record.user_id, record.query_type, record.priority, record.timestamp, record.trace_id) == (
            row.pk,
            row.user_id,
            row.query_type,
            row.priority,
            row.created_at,
            row.trace_id,
        )
        assert bytes(record.query_params) == msgspec.json.encode(PARAMS)


def test_rows_go_from_queued_to_processing_when_the_other_site_confirms() -> None:
    batch, made = exported(3)
    assert statuses() == ["exported"] * 3
    assert Request.objects.filter(exported_at=NOW).count() == 3
    assert RequestSender().has_unanswered(batch_id=batch)
    RequestSender().confirm(batch_id=batch, conflicts=[made[1].pk], at=NOW)
    assert statuses() == ["processing", "failed", "processing"]
    failed = Request.objects.get(status="failed")
    assert failed.error_code == "record_conflict"
    assert "other site" in failed.error_message


def test_no_index_is_touched_when_a_row_goes_on_between_two_waits() -> None:
    before = _heap_only_updates()
    batch, _ = exported(3)
    RequestSender().confirm(batch_id=batch, conflicts=(), at=NOW)
    # Each row when its file is there, and when the other site has it.
    assert _heap_only_updates() - before == 6


def _heap_only_updates() -> int:
    """Of the rows of `requests` so far, by this connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_get_xact_tuples_hot_updated('requests'::regclass)")
        return int(cursor.fetchone()[0])


def test_confirm_changes_nothing_when_the_row_has_been_requeued() -> None:
    batch, _ = exported()
    assert RequestSender().requeue(batch_id=batch) == 1
    RequestSender().confirm(batch_id=batch, conflicts=[], at=NOW)
    assert statuses() == ["pending"]
    assert Request.objects.get().export_batch_id == batch


def test_requeue_leaves_answered_rows_when_a_bundle_is_superseded() -> None:
    batch, made = exported(3)
    apply(result_of(made[0].pk))
    assert RequestSender().requeue(batch_id=batch, only=[made[0].pk, made[1].pk]) == 1
    assert statuses() == ["completed", "pending", "exported"]
    assert RequestSender().claim(batch_id=make_export(), limit=5) == 1


@pytest.mark.parametrize("code", ["bad_record", "a_code_of_tomorrow"])
def test_end_fails_unanswered_rows_when_the_bundle_was_discarded(code: str) -> None:
    batch, made = exported(2)
    apply(result_of(made[0].pk))
    RequestSender().end(batch_id=batch, code=code, at=NOW)
    assert statuses() == ["completed", "failed"]
    assert Request.objects.get(status="failed").error_code == code
    assert not RequestSender().has_unanswered(batch_id=batch)


def test_results_finish_requests_when_they_come() -> None:
    _, (done, bad, given_up) = exported(3)
    problem = msgspec.Raw(b'{"code":"too_many_buckets","detail":"More than 10,000 buckets."}')
    nothing = msgspec.Raw(b"null")
    applied = apply(
        result_of(done.pk),
        result_of(bad.pk, status="failed", result=problem, result_count=None, executed_at=None),
        result_of(given_up.pk, status="cancelled", result=nothing, cache=records.CacheUse(hit=False, age_s=None)),
    )
    assert (applied.applied, applied.known, applied.conflicts) == (3, 0, ())
    assert statuses() == ["completed", "failed", "cancelled"]
    bad.refresh_from_db()
    assert (bad.error_code, bad.error_message) == ("too_many_buckets", "More than 10,000 buckets.")
    answer = Response.objects.get(request=done)
    assert (answer.result_count, answer.is_cached, answer.cache_age_s, answer.received_at) == (7, True, 9, NOW)
    with connection.cursor() as cursor:
        cursor.execute("SELECT result_data::text FROM responses WHERE id = %s", [answer.pk])
        assert cursor.fetchone()[0] == '{"took":3,"hits":{"total":{"value":1e300},"hits":[]}}'
    assert Response.objects.get(request=given_up).result_data is None


def test_first_answer_stands_when_another_comes() -> None:
    _, (row,) = exported()
    first = result_of(row.pk)
    assert apply(first).applied == 1
    second = result_of(row.pk, status="failed", result=msgspec.Raw(b'{"code":"x"}'))
    again = apply(first, second)
    assert (again.applied, again.known) == (0, 2)
    assert Response.objects.get().pk == first.id
    assert statuses() == ["completed"]


def test_first_of_two_answers_stands_when_both_are_in_one_bundle() -> None:
    _, (row,) = exported()
    first, second = sorted((result_of(row.pk), result_of(row.pk, status="cancelled")), key=lambda one: one.id)
    assert apply(first, second).applied == 1
    assert Response.objects.get().pk == first.id
    assert statuses() == [first.status]


def test_late_answer_is_passed_over_when_the_request_is_final_without_one() -> None:
    batch, (row,) = exported()
    RequestSender().end(batch_id=batch, code="bad_record", at=NOW)
    assert apply(result_of(row.pk)).known == 1
    assert statuses() == ["failed"]
    assert not Response.objects.exists()


def test_answer_finishes_the_request_when_it_waits_to_be_carried_again() -> None:
    batch, (row,) = exported()
    RequestSender().requeue(batch_id=batch)
    assert apply(result_of(row.pk)).applied == 1
    assert statuses() == ["completed"]


def test_request_comes_back_with_its_answer_when_this_site_has_forgotten_it() -> None:
    asked = wire_request(new_id())
    assert apply(result_of(asked.id, request=asked)).applied == 1
    row = Request.objects.get()
    assert (row.pk, row.user_id, row.status, row.recovered, row.priority) == (
        asked.id,
        asked.user_id,
        "completed",
        True,
        9,
    )
    assert (row.created_at, row.trace_id, row.query_type) == (NOW, asked.trace_id, "match")
    assert row.query_params == {"index": "contracts", "query": {"match": {"title": "x"}}}
    assert Response.objects.get().request_id == asked.id
    assert apply(result_of(asked.id, request=asked)).known == 1


def test_answer_is_passed_over_when_nobody_knows_its_request() -> None:
    assert (
        apply(result_of(new_id(), status="cancelled"), result_of(new_id(), request=wire_request(new_id()))).known == 2
    )
    assert not Request.objects.exists()
    assert apply().applied == 0


def test_catalogue_is_made_equal_when_a_snapshot_comes() -> None:
    from common_apps.queries.models import Dataset, Index
    from common_apps.queries.selectors import fields_of
    from tests.factories import make_user

    make_user("ada")
    receiver = state_receivers["catalogue"]
    old = records.Index(id="old", title="", fields=[], profile_types=["basic"])
    new = records.Index(
        id="new", title="New", fields=[records.Field(name="title", type="text")], profile_types=["basic"]
    )
    chips = records.Dataset(id="new", index="new", chips={"areas": ["area"]}, metric=None)
    assert receiver.apply_snapshot([old], import_batch_id=new_id(), at=NOW) == 1
    assert fields_of("old", "basic") == {}
    assert receiver.apply_snapshot(iter([new, chips]), import_batch_id=new_id(), at=NOW) == 3
    assert fields_of("new", "basic") == {"title": "text"}
    assert list(Index.objects.values_list("name", flat=True)) == ["new"]
    assert Dataset.objects.get().chips == {"areas": ["area"]}
    assert receiver.apply_snapshot([new, chips], import_batch_id=new_id(), at=NOW) == 0


@pytest.mark.parametrize(
    "broken",
    [
        {"status": "lost"},
        {"priority": 0},
        {"priority": 11},
        {"retry_count": 6},
        {"status": "queued"},
        {"status": "exported", "exported_at": NOW},
        {"status": "completed"},
    ],
)
def test_database_refuses_a_row_when_its_state_is_impossible(broken: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make_request(**broken)
    assert not Request.objects.exists()


@pytest.fixture
def other_connection(transactional_db: None) -> Iterator[Callable[[str], list[Any]]]:
    """Another session on the same database, inside a transaction of its own."""
    parameters = {
        key: value
        for key, value in connection.get_connection_params().items()
        if key in ("host", "port", "user", "password", "dbname")
    }
    with psycopg.connect(**parameters) as other:

        def run(statement: str) -> list[Any]:
            return other.execute(statement.encode()).fetchall()

        yield run
        other.rollback()


def test_claim_passes_over_rows_when_another_exporter_holds_them(
    other_connection: Callable[[str], list[Any]],
) -> None:
    first = make_request(priority=9)
    second = make_request(priority=2)
    held = other_connection("SELECT id FROM requests ORDER BY priority DESC LIMIT 1 FOR UPDATE")
    assert held == [(first.pk,)]
    assert RequestSender().claim(batch_id=make_export(), limit=10) == 1
    assert Request.objects.get(status="queued").pk == second.pk
