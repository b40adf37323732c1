"""The quarantine and the carry by API: who may, what is enqueued, what is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from common_apps.accounts.models import User
from common_apps.accounts.services.tokens import issue_tokens
from common_apps.audit.actors import SYSTEM
from common_apps.audit.models import AuditLog
from common_apps.transfer import tasks
from common_apps.transfer.bundle.limits import Limits
from common_apps.transfer.models import ImportBatch
from common_apps.transfer.services import export_stream, scan_imports
from tests.common.transfer.kit import Peer, RowsReceiver, RowsSender, log_line
from tests.common.transfer.queue import take_queued
from tests.factories import make_user

API = "/api/v1/admin/"


def _client(user: User) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_tokens(user=user).access}")
    return client


@pytest.fixture(autouse=True)
def empty_queue() -> None:
    take_queued()


@pytest.fixture
def admin(transactional_db: None) -> User:
    return make_user("root", role="admin")


@pytest.fixture
def operator(transactional_db: None) -> User:
    return make_user("olga", role="operator")


@pytest.fixture
def held(peer: Peer, receiver: RowsReceiver, received: str) -> ImportBatch:
    peer.write(received, [log_line(received), log_line(received)])
    scan_imports(actor=SYSTEM, limits=Limits(log_records=1))
    return ImportBatch.objects.get()


@pytest.fixture
def refused(peer: Peer, receiver: RowsReceiver, received: str) -> ImportBatch:
    written = peer.write(received, [log_line(received)])
    written.path.with_name(f"{written.filename}.meta.json").write_bytes(b"{}")
    scan_imports(actor=SYSTEM, patient=False)
    return ImportBatch.objects.get()


def test_preview_tells_header_checks_and_changes_when_an_operator_looks(held: ImportBatch, operator: User) -> None:
    answer = _client(operator).get(f"{API}quarantine/{held.pk}/")
    assert answer.status_code == 200, answer.content
    told = answer.json()
    assert (told["code"], told["held"], told["record_count"]) == ("too_many_records", True, 2)
    assert told["header"]["batch_id"] == str(held.source_batch_id) and "path" not in told
    assert {check["verdict"] for check in told["checks"]} == {"passed"}
    assert told["changes"][0] == {"what": "new", "count": 2, "names": []}
    assert _client(operator).get(f"{API}quarantine/{uuid4()}/").json()["code"] == "not_found"


def test_release_is_enqueued_and_done_when_an_admin_asks(
    held: ImportBatch, admin: User, receiver: RowsReceiver
) -> None:
    answer = _client(admin).post(f"{API}quarantine/{held.pk}/release/")
    assert answer.status_code == 202, answer.content
    (message,) = take_queued()
    assert (message["task"], message["id"]) == ("transfer.release", answer.json()["task_id"])
    assert tasks.release(**message["named"])["outcome"] == "completed"
    assert len(receiver.arrived()) == 2
    assert AuditLog.objects.get(action="bundle.released").user_id == admin.pk
    # Twice, as a queue may deliver it.
    assert tasks.release(**message["named"])["outcome"] == "refused"
    assert _client(admin).post(f"{API}quarantine/{held.pk}/release/").json()["code"] == "conflict"


def test_discard_needs_a_reason_and_is_enqueued_when_an_admin_asks(held: ImportBatch, admin: User) -> None:
    address = f"{API}quarantine/{held.pk}/discard/"
    for body in ({}, {"reason": ""}, {"reason": "x" * 501}):
        answer = _client(admin).post(address, body, format="json")
        assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")
    assert _client(admin).post(address, {"reason": "no"}, format="json").status_code == 202
    (message,) = take_queued()
    assert tasks.give_up(**message["named"]) == {"outcome": "discarded", "code": None, "detail": ""}
    assert AuditLog.objects.get(action="bundle.discarded").metadata["reason"] == "no"


def test_import_again_is_enqueued_when_an_operator_asks(
    refused: ImportBatch, operator: User, receiver: RowsReceiver
) -> None:
    answer = _client(operator).post(f"{API}quarantine/{refused.pk}/import-again/")
    assert answer.status_code == 202, answer.content
    (message,) = take_queued()
    assert tasks.judge_again(**message["named"])["outcome"] == "completed" and len(receiver.arrived()) == 1


@pytest.mark.parametrize("verb", ["release", "discard"])
def test_a_decision_is_refused_when_the_role_is_no_admin(held: ImportBatch, operator: User, verb: str) -> None:
    for caller in (operator, make_user("ada"), make_user("robot", role="system")):
        answer = _client(caller).post(f"{API}quarantine/{held.pk}/{verb}/", {"reason": "no"}, format="json")
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert APIClient().post(f"{API}quarantine/{held.pk}/{verb}/").status_code == 401
    assert take_queued() == []


@pytest.mark.parametrize("verb", ["release", "discard", "import-again"])
def test_a_decision_is_refused_when_there_is_no_such_row(admin: User, verb: str) -> None:
    answer = _client(admin).post(f"{API}quarantine/{uuid4()}/{verb}/", {"reason": "no"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", ""), ("post", "import-again/"), ("get", "../carry/")],
    ids=["preview", "again", "carry"],
)
def test_looking_is_refused_when_the_caller_is_no_operator(held: ImportBatch, method: str, path: str) -> None:
    address = f"{API}carry/" if "carry" in path else f"{API}quarantine/{held.pk}/{path}"
    assert getattr(_client(make_user("ada")), method)(address).status_code == 403
    assert getattr(APIClient(), method)(address).status_code == 401


def test_preview_is_unavailable_when_the_file_is_on_another_host(
    held: ImportBatch, operator: User, settings: Any
) -> None:

    Path(held.file_path).unlink()
    answer = _client(operator).get(f"{API}quarantine/{held.pk}/")
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")


def test_carry_tells_what_is_in_quarantine_and_what_waits(
    held: ImportBatch, operator: User, sender: RowsSender, sent: str
) -> None:
    sender.add(3)
    export_stream(stream=sent, actor=SYSTEM)
    told = _client(operator).get(f"{API}carry/").json()
    assert (told["quarantined"]["bundles"], told["quarantined"]["codes"]) == (1, {"too_many_records": 1})
    assert (told["to_carry"]["bundles"], told["to_carry"]["records"]) == (1, 3) and told["to_carry"]["since"]
    assert told["missing"] == {"bundles": 0, "records": 0, "since": None, "trips": []}
    assert told["held_there"]["bundles"] == told["on_their_way"]["bundles"] == 0
