"""The carry by API: who may, what is enqueued, what the lists tell."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from common_apps.accounts.models import User
from common_apps.accounts.services.tokens import issue_tokens
from common_apps.audit.actors import SYSTEM
from common_apps.transfer import tasks
from common_apps.transfer.folders import site_folders
from common_apps.transfer.locks import hold
from common_apps.transfer.models import DayCounter
from common_apps.transfer.models import Peer as PeerRow
from common_apps.transfer.services import export_stream, scan_imports
from tests.common.transfer.kit import Peer, RowsReceiver, RowsSender, log_line
from tests.common.transfer.queue import take_queued
from tests.factories import make_user

API = "/api/v1/admin/"


def _client(user: User) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_tokens(user=user).access}")
    return client


@pytest.fixture
def operator(transactional_db: None) -> User:
    return make_user("olga", role="operator")


@pytest.fixture(autouse=True)
def empty_queue() -> None:
    take_queued()


def test_export_and_import_are_enqueued_when_an_operator_asks(operator: User, peer: Peer, sent: str) -> None:
    answer = _client(operator).post(f"{API}exports/{sent}/", {}, format="json")
    assert answer.status_code == 202, answer.content
    (message,) = take_queued()
    assert (message["task"], message["id"]) == ("transfer.export", answer.json()["task_id"])
    assert (message["named"]["streams"], message["named"]["full"]) == ([sent], False)
    assert message["named"]["actor"]["user_id"] == str(operator.pk)
    answer = _client(operator).post(f"{API}imports/")
    assert answer.status_code == 202, answer.content
    assert [each["task"] for each in take_queued()] == ["transfer.import_scan"]


def test_export_is_refused_when_the_stream_or_the_body_is_wrong(operator: User) -> None:
    answer = _client(operator).post(f"{API}exports/nonsense/", {}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    answer = _client(operator).post(f"{API}exports/holdings/", {"full": "perhaps"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")
    assert take_queued() == []


@pytest.mark.parametrize(
    ("method", "path"),
    [("post", "exports/holdings/"), ("post", "imports/"), ("get", "batches/"), ("get", "quarantine/")],
)
def test_the_carry_is_refused_when_the_caller_is_no_operator(transactional_db: None, method: str, path: str) -> None:
    user = make_user("ada")
    assert getattr(_client(user), method)(API + path).status_code == 403
    assert getattr(APIClient(), method)(API + path).status_code == 401
    assert take_queued() == []


@pytest.mark.parametrize(("scope", "status"), [("exports:run", 202), ("requests:read", 403)])
def test_a_key_needs_the_scope(operator: User, scope: str, status: int) -> None:
    made = _client(operator).post("/api/v1/auth/api-keys/", {"name": "robot", "scopes": [scope]}, format="json")
    assert made.status_code == 201, made.content
    secret = next(value for name, value in made.json().items() if name in ("key", "secret", "api_key"))
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {secret}")
    assert client.post(f"{API}imports/").status_code == status


def test_batches_and_quarantine_are_listed(
    operator: User, sender: RowsSender, receiver: RowsReceiver, peer: Peer, sent: str, received: str
) -> None:
    sender.add()
    (outcome,) = export_stream(stream=sent, actor=SYSTEM)
    bad = peer.write(received, [log_line(received)])
    bad.path.write_bytes(bad.path.read_bytes()[:-1])
    scan_imports(actor=SYSTEM, patient=False)
    client = _client(operator)
    (row,) = client.get(f"{API}batches/").json()["results"]
    assert (row["id"], row["stream"], row["confirmed_at"]) == (str(outcome.batch_id), sent, None)
    assert client.get(f"{API}batches/?stream=holdings").json()["results"] == []
    (row,) = client.get(f"{API}batches/?direction=import").json()["results"]
    assert (row["status"], row["code"], row["filename"]) == ("failed", "truncated", bad.filename)
    assert client.get(f"{API}batches/?direction=sideways").json()["code"] == "validation_failed"
    (row,) = client.get(f"{API}quarantine/").json()["results"]
    assert row["code"] == "truncated" and row["cure"] and "path" not in row


def test_tasks_do_the_work_and_report_busy(
    sender: RowsSender, receiver: RowsReceiver, peer: Peer, sent: str, received: str
) -> None:
    sender.add()
    with hold(site_folders().export_lock(sent), what="a test"):
        assert tasks.export(streams=[sent]) == {"outcome": "busy", "bundles": 0}
    assert tasks.export(streams=[sent]) == {"outcome": "done", "bundles": 1}
    assert tasks.export()["outcome"] == "done"
    peer.write(received, [log_line(received)])
    assert tasks.import_scan() == {"outcome": "done", "files": 1, "refused": 0}


def test_tasks_report_when_the_site_is_not_ready(folders: Any, transactional_db: None) -> None:
    assert tasks.export(streams=["holdings"]) == {"outcome": "not_ready", "bundles": 0}
    assert tasks.import_scan() == {"outcome": "not_ready", "files": 0, "refused": 0}


@pytest.mark.parametrize("model", ["exportbatch", "importbatch", "appliedstate", "heardstate", "peer", "daycounter"])
def test_admin_shows_and_changes_nothing(
    operator: User, sender: RowsSender, receiver: RowsReceiver, peer: Peer, sent: str, received: str, model: str
) -> None:
    sender.add()
    export_stream(stream=sent, actor=SYSTEM)
    peer.write(received, [log_line(received)])
    peer.tell()
    scan_imports(actor=SYSTEM)
    assert PeerRow.objects.exists() and DayCounter.objects.exists()
    client = Client()
    client.force_login(operator, backend="common_apps.accounts.backends.AccountsBackend")
    assert client.get(f"/admin/transfer/{model}/").status_code == 200
    assert client.get(f"/admin/transfer/{model}/?q=a").status_code in (200, 302)
    assert client.get(f"/admin/transfer/{model}/add/").status_code == 403


@pytest.mark.parametrize("model", ["exportbatch", "importbatch"])
def test_admin_opens_a_batch(
    operator: User, sender: RowsSender, receiver: RowsReceiver, peer: Peer, sent: str, received: str, model: str
) -> None:
    from common_apps.transfer.models import ExportBatch, ImportBatch

    sender.add()
    export_stream(stream=sent, actor=SYSTEM)
    bad = peer.write(received, [log_line(received)])
    bad.path.write_bytes(bad.path.read_bytes()[:-1])
    scan_imports(actor=SYSTEM, patient=False)
    row = (ExportBatch if model == "exportbatch" else ImportBatch).objects.get()
    client = Client()
    client.force_login(operator, backend="common_apps.accounts.backends.AccountsBackend")
    page = client.get(f"/admin/transfer/{model}/{row.pk}/change/")
    assert page.status_code == 200
    if model == "importbatch":
        assert "no footer at its end" in page.content.decode()


@pytest.mark.parametrize("query", ["stream=%00", "status=%00", "direction=%00"])
def test_batches_are_refused_or_empty_when_the_filter_is_nonsense(operator: User, query: str) -> None:
    assert _client(operator).get(f"{API}batches/?{query}").status_code in (200, 400)
