"""Operators see requests and answers, and change none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import Client

from common_apps.core.ids import new_id
from common_apps.transfer.models import ExportBatch
from request_site.submissions.models import IdempotencyKey, Request, Response
from tests.factories import make_user

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(make_user("olga", role="operator"), "common_apps.accounts.backends.AccountsBackend")
    return client


@pytest.fixture
def row() -> Request:
    """A request of a user that has not come, with its answer and its key."""
    row = Request.objects.create(
        user_id=new_id(), query_type="match", query_params={"index": "<b>x</b>"}, created_at=NOW, metadata={}
    )
    Response.objects.create(request=row, result_data={"hits": "y" * 70_000}, received_at=NOW)
    IdempotencyKey.objects.create(user_id=row.user_id, key="one", body_hash="0" * 64, request=row, created_at=NOW)
    return row


@pytest.mark.parametrize("page", ["request", "response", "idempotencykey"])
def test_page_shows_rows_and_takes_none_when_an_operator_looks(operator: Client, row: Request, page: str) -> None:
    listed = operator.get(f"/admin/submissions/{page}/?q={row.pk}")
    assert listed.status_code == 200
    assert str(row.pk).encode() in listed.content
    assert operator.get(f"/admin/submissions/{page}/add/").status_code == 403
    model = {"request": Request, "response": Response, "idempotencykey": IdempotencyKey}[page]
    detail = f"/admin/submissions/{page}/{model.objects.get().pk}/change/"
    shown = operator.get(detail)
    assert shown.status_code == 200
    assert b"<b>x</b>" not in shown.content
    assert len(shown.content) < 200_000
    assert operator.post(detail, {"status": "failed"}).status_code == 403
    assert Request.objects.get().status == "pending"


def test_request_shows_its_users_id_when_the_user_has_not_come(operator: Client, row: Request) -> None:
    assert str(row.user_id).encode() in operator.get("/admin/submissions/request/").content


@pytest.mark.parametrize("query", ["status=pending", "status__exact=pending", "query_type=match", "recovered__exact=0"])
def test_list_filters_when_asked(operator: Client, row: Request, query: str) -> None:
    assert str(row.pk).encode() in operator.get(f"/admin/submissions/request/?{query}", follow=True).content


def test_request_page_tells_the_way_when_an_operator_looks(operator: Client, row: Request) -> None:
    shown = operator.get(f"/admin/submissions/request/{row.pk}/change/").content.decode()
    assert "submitted: 2026-01-02 00:00:00" in shown
    assert "It leaves with the next bundle" in shown


def test_cancel_is_asked_for_on_a_page_and_done_when_an_admin_confirms(row: Request) -> None:
    admin = Client()
    admin.force_login(make_user("ada", role="admin"), "common_apps.accounts.backends.AccountsBackend")
    left = Request.objects.create(user_id=new_id(), query_type="match", query_params={}, created_at=NOW)
    chosen = {"action": "cancel", "_selected_action": [str(left.pk)]}
    page = admin.post("/admin/submissions/request/", chosen)
    assert "This will happen:" in page.content.decode()
    left.refresh_from_db()
    assert left.status == "pending"
    told = admin.post("/admin/submissions/request/", chosen | {"confirmed": "cancel"}, follow=True)
    assert f"{left.pk}: cancelled." in told.content.decode()
    left.refresh_from_db()
    assert left.status == "cancelled"


def test_cancel_says_that_the_other_site_decides_when_the_request_has_left(row: Request) -> None:
    admin = Client()
    admin.force_login(make_user("ada", role="admin"), "common_apps.accounts.backends.AccountsBackend")
    bundle = ExportBatch.objects.create(batch_type="requests", mode="batch", seq=1, status="processing", created_at=NOW)
    Request.objects.filter(pk=row.pk).update(status="exported", export_batch=bundle, exported_at=NOW)
    chosen = {"action": "cancel", "_selected_action": [str(row.pk)], "confirmed": "cancel"}
    told = admin.post("/admin/submissions/request/", chosen, follow=True).content.decode()
    assert f"{row.pk}: the other site is asked with the next trip." in told
    row.refresh_from_db()
    assert row.status == "exported"


def test_cancel_is_not_offered_when_an_operator_looks(operator: Client, row: Request) -> None:
    assert b'value="cancel"' not in operator.get("/admin/submissions/request/").content
    operator.post(
        "/admin/submissions/request/",
        {"action": "cancel", "_selected_action": [str(row.pk)], "confirmed": "cancel"},
    )
    row.refresh_from_db()
    assert row.status == "pending"
