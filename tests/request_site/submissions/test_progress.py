"""Cancelling, retrying, and the timeline, as an asker meets them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
import time_machine
from rest_framework.test import APIClient

from common_apps.audit.models import AuditLog
from common_apps.core.ids import new_id
from common_apps.transfer.bundle import records
from common_apps.transfer.bundle.codec import decode_record
from common_apps.transfer.models import ExportBatch, ImportBatch
from request_site.submissions.models import Cancellation, Request, Response
from request_site.submissions.streams import RequestSender, ResultReceiver
from tests.factories import make_user
from tests.request_site.submissions.asking import REQUESTS, assert_problem, submit_as
from tests.request_site.submissions.test_streams import make_export, make_import

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SENDER = RequestSender()


def path(request: Request, verb: str) -> str:
    return f"{REQUESTS}{request.pk}/{verb}/"


def export_all(limit: int = 500) -> UUID:
    batch = make_export()
    SENDER.claim(batch_id=batch, limit=limit)
    SENDER.mark_exported(batch_id=batch, at=NOW)
    return batch


def make_claim() -> UUID:
    batch = make_export()
    SENDER.claim(batch_id=batch, limit=500)
    return batch


def lines(batch: UUID) -> list[Any]:
    return [decode_record("requests", outgoing.line) for outgoing in SENDER.read(batch_id=batch)]


def answer(request: Request, status: str) -> None:
    result = records.Result(
        id=new_id(),
        request_id=request.pk,
        status=status,  # type: ignore[arg-type]  # the tests name only states that there are
        result=msgspec.Raw(b"null" if status == "cancelled" else b'{"hits":{}}'),
        result_count=None,
        execution_time_ms=None,
        elasticsearch_took_ms=None,
        cache=records.CacheUse(hit=False, age_s=None),
        executed_at=NOW,
        trace_id=None,
        request=None,
    )
    ResultReceiver().apply([result], import_batch_id=make_import(), at=NOW)
    request.refresh_from_db()


def test_cancel_is_final_at_once_when_the_request_never_left(client: APIClient, user: Any) -> None:
    request = submit_as(user)
    first = client.post(path(request, "cancel"))
    again = client.post(path(request, "cancel"))
    assert (first.status_code, first.json()["status"]) == (200, "cancelled")
    assert again.status_code == 200
    assert not Cancellation.objects.exists()
    assert SENDER.waiting().count == 0
    assert AuditLog.objects.filter(action="request.cancelled", resource_id=str(request.pk)).count() == 1
    assert_problem(client.get(path(request, "result")), 409, "request_cancelled")


def test_cancel_travels_before_all_requests_when_the_request_has_left(client: APIClient, user: Any) -> None:
    request = submit_as(user)
    export_all()
    first, again = client.post(path(request, "cancel")), client.post(path(request, "cancel"))
    assert (first.status_code, again.status_code) == (202, 202)
    request.refresh_from_db()
    assert request.status == "exported"
    submit_as(user, priority=10)
    assert SENDER.waiting().count == 2
    batch = make_export()
    assert SENDER.claim(batch_id=batch, limit=1) == 1
    wish = Cancellation.objects.get()
    assert lines(batch) == [records.Cancel(id=wish.pk, request_id=request.pk, user_id=user.pk, timestamp=wish.asked_at)]
    assert AuditLog.objects.filter(action="request.cancel_asked").count() == 1


def test_cancel_travels_also_when_the_request_waits_again(client: APIClient, user: Any) -> None:
    request = submit_as(user)
    batch = export_all()
    SENDER.requeue(batch_id=batch)
    assert client.post(path(request, "cancel")).status_code == 202
    batch = make_export()
    assert SENDER.claim(batch_id=batch, limit=500) == 2
    assert [type(each) for each in lines(batch)] == [records.Request, records.Cancel]


def test_cancellation_goes_again_when_its_bundle_is_lost_and_not_once_the_request_is_answered(
    client: APIClient, user: Any
) -> None:
    request = submit_as(user)
    first = export_all()
    client.post(path(request, "cancel"))
    second = export_all()
    SENDER.confirm(batch_id=second, conflicts=(), at=NOW)
    assert Cancellation.objects.get().status == "confirmed"
    assert SENDER.has_unanswered(batch_id=first)
    assert SENDER.requeue(batch_id=second) == 1
    assert SENDER.waiting().count == 1
    third = export_all()
    answer(request, "cancelled")
    assert request.status == "cancelled"
    assert SENDER.requeue(batch_id=third) == 0
    assert SENDER.waiting().count == 0
    assert client.post(path(request, "cancel")).status_code == 200


def test_cancellation_ends_when_the_other_sites_operator_discards_its_bundle(client: APIClient, user: Any) -> None:
    submit_as(user)
    export_all()
    client.post(path(Request.objects.get(), "cancel"))
    SENDER.end(batch_id=export_all(), code="bad_record", at=NOW)
    assert Cancellation.objects.get().status == "ended"
    assert Request.objects.get().status == "exported"
    # Asked again, it goes again.
    assert client.post(path(Request.objects.get(), "cancel")).status_code == 202
    assert SENDER.waiting().count == 1
    assert [record.request_id for record in lines(make_claim())] == [Request.objects.get().pk]


def test_cancellation_ends_when_its_bundle_is_discarded_after_it_was_confirmed(client: APIClient, user: Any) -> None:
    submit_as(user)
    export_all()
    client.post(path(Request.objects.get(), "cancel"))
    batch = export_all()
    SENDER.confirm(batch_id=batch, conflicts=(), at=NOW)
    SENDER.end(batch_id=batch, code="bad_record", at=NOW)
    assert Cancellation.objects.get().status == "ended"


def test_cancel_is_refused_when_the_request_has_its_answer(client: APIClient, user: Any) -> None:
    request = submit_as(user)
    export_all()
    answer(request, "completed")
    assert_problem(client.post(path(request, "cancel")), 409, "conflict")
    assert not Cancellation.objects.exists()


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_change_is_refused_when_the_request_is_somebody_elses(
    client_of: Callable[[Any], APIClient], user: Any, verb: str
) -> None:
    request = submit_as(user, status="failed" if verb == "retry" else "pending")
    assert_problem(client_of(make_user("eve")).post(path(request, verb)), 404, "not_found")
    operator = client_of(make_user("olga", role="operator"))
    assert_problem(operator.post(path(request, verb)), 403, "permission_denied")
    request.refresh_from_db()
    assert request.status == ("failed" if verb == "retry" else "pending")


def test_retry_asks_anew_and_names_the_old_request_when_that_one_failed(client: APIClient, user: Any) -> None:
    old = submit_as(user, status="failed", retry_count=1, metadata={"note": "mine"})
    made = client.post(path(old, "retry"))
    assert made.status_code == 201
    assert made["Location"].endswith(f"/{made.json()['id']}/")
    new = Request.objects.get(pk=made.json()["id"])
    assert (new.status, new.retry_count) == ("pending", 2)
    assert new.metadata == {"note": "mine", "retry_of": str(old.pk)}
    assert new.query_params == old.query_params
    old.refresh_from_db()
    assert old.status == "failed"


@pytest.mark.parametrize(("status", "retries"), [("pending", 0), ("failed", 5)])
def test_retry_is_refused_when_it_is_under_way_or_was_tried_often(
    client: APIClient, user: Any, status: str, retries: int
) -> None:
    old = submit_as(user, status=status, retry_count=retries)
    assert_problem(client.post(path(old, "retry")), 409, "conflict")
    assert Request.objects.count() == 1


def test_timeline_tells_what_the_request_waits_for_when_it_moves_from_hop_to_hop(client: APIClient, user: Any) -> None:
    request = submit_as(user)

    def look() -> tuple[Any, list[str]]:
        told = client.get(path(request, "timeline")).json()
        assert len(told["hops"]) == 8
        return told["waits_for"], [hop["name"] for hop in told["hops"] if hop["at"]]

    assert look() == ("export", ["submitted"])
    batch = export_all()
    assert look() == ("carry", ["submitted", "exported"])
    complete(batch, carried_at=NOW, trip="20260304_050607")
    assert look() == ("trip", ["submitted", "exported", "carried"])
    assert client.get(path(request, "timeline")).json()["trip"] == "20260304_050607"
    complete(batch, held_at=NOW, peer_code="bad_record")
    assert look()[0] == "operators"
    complete(batch, held_at=None, peer_code="", confirmed_at=NOW, confirmed_day=1)
    SENDER.confirm(batch_id=batch, conflicts=(), at=NOW)
    assert look() == ("answer", ["submitted", "exported", "carried", "delivered"])
    answer(request, "completed")
    ImportBatch.objects.update(sent_at=NOW)
    waits_for, reached = look()
    assert (waits_for, len(reached)) == (None, 8)


def test_timeline_estimates_from_past_trips_when_there_are_three(user: Any) -> None:
    client = APIClient()
    client.force_authenticate(user)
    with time_machine.travel(NOW, tick=False):
        request = submit_as(user, created_at=NOW)
        told = client.get(path(request, "timeline")).json()
        assert told["estimate"] == {"expected_at": None, "overdue": False, "samples": 0}
        for hours in (1, 2, 30):
            answered(user, took=timedelta(hours=hours))
        # Its clock was set between two hops: it tells nothing.
        answered(user, took=timedelta(hours=-5))
        told = client.get(path(request, "timeline")).json()
        assert told["estimate"] == {"expected_at": "2026-03-04T07:06:07Z", "overdue": False, "samples": 3}
    with time_machine.travel(NOW + timedelta(hours=3), tick=False):
        assert client.get(path(request, "timeline")).json()["estimate"]["overdue"]


def test_timeline_is_not_found_when_the_request_is_somebody_elses(
    client_of: Callable[[Any], APIClient], user: Any
) -> None:
    request = submit_as(user)
    assert_problem(client_of(make_user("eve")).get(path(request, "timeline")), 404, "not_found")


def complete(batch: UUID, **changes: Any) -> None:
    done = {"status": "completed", "completed_at": NOW, "file_size_bytes": 1, "checksum": "0" * 64, "filename": "x"}
    ExportBatch.objects.filter(pk=batch).update(**{**done, **changes})


def answered(user: Any, *, took: timedelta) -> None:
    request = submit_as(
        user, status="completed", created_at=NOW - timedelta(days=2), result_received_at=NOW - timedelta(days=2) + took
    )
    Response.objects.create(request=request, received_at=NOW)
