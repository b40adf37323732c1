"""The carry in the admin and the API: who may, what is shown, what is enqueued."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.cache import caches
from django.test import Client
from rest_framework.test import APIClient

from common_apps.accounts.models import User
from common_apps.accounts.services.tokens import issue_tokens
from common_apps.transfer import tasks
from common_apps.transfer.models import Carry
from tests.common.transfer.kit import Peer, RowsSender, log_line
from tests.common.transfer.queue import take_queued
from tests.common.transfer.sticks import Stick
from tests.factories import make_user

pytestmark = pytest.mark.django_db(transaction=True)

STATION = "/admin/transfer/carry/station/"
SYNC = f"{STATION}sync/"
API = "/api/v1/admin/media/"


@pytest.fixture
def operator(transactional_db: None) -> User:
    caches["limits"].clear()
    return make_user("olga", role="operator")


@pytest.fixture
def page(client: Client, operator: User) -> Client:
    client.force_login(operator)
    return client


@pytest.fixture
def api(operator: User) -> APIClient:
    return client_of(operator)


def client_of(user: User) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_tokens(user=user).access}")
    return client


@pytest.fixture(autouse=True)
def empty_queue() -> None:
    take_queued()


def test_station_shows_sticks_and_what_has_to_go_when_an_operator_looks(
    page: Client, stick: Stick, sender: RowsSender, peer: Peer, received: str
) -> None:
    sender.add(3)
    peer.write(received, [log_line(received)], directory=stick.theirs)
    stick.sync()
    answer = page.get(STATION)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert str(stick.path) in text
    assert "bundles: 1," in text
    assert "Safe to remove" in text
    assert re.findall(r"<script(?![^>]*src=)|style=|onclick=", text) == []
    assert "Content-Security-Policy" in answer.headers


def test_station_says_so_when_there_is_no_stick(page: Client, peer: Peer, settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOTS = ()
    assert "MEDIA_ROOTS" in page.get(STATION).content.decode()
    settings.MEDIA_ROOTS = (str(tmp_path / "nothing"),)
    assert "No stick is plugged in" in page.get(STATION).content.decode()


def test_sync_is_enqueued_when_an_operator_confirms(page: Client, operator: User, stick: Stick) -> None:
    asked = page.get(SYNC, {"stick": str(stick.path)})
    assert "This will happen" in asked.content.decode()
    assert take_queued() == []
    answer = page.post(SYNC, {"stick": str(stick.path), "wait_s": "5"})
    assert (answer.status_code, answer.headers["Location"]) == (302, STATION)
    (message,) = take_queued()
    assert (message["task"], message["named"]["path"], message["named"]["wait_s"], message["named"]["ours"]) == (
        "transfer.sync_media",
        str(stick.path),
        5,
        False,
    )
    assert message["named"]["actor"]["user_id"] == str(operator.pk)


def test_page_loads_itself_anew_when_a_carry_runs(page: Client, peer: Peer) -> None:
    assert 'http-equiv="refresh"' not in page.get(STATION).content.decode()
    Carry.objects.create(begun_at="2026-11-23T10:00:00Z")
    assert 'http-equiv="refresh"' in page.get(STATION).content.decode()


def test_station_is_closed_when_somebody_may_not_carry(client: Client, transactional_db: None, stick: Stick) -> None:
    client.force_login(make_user("ada"))
    assert client.get(STATION).status_code == 302
    assert client.post(SYNC, {"stick": str(stick.path)}).status_code == 302
    assert client_of(make_user("bob")).post(f"{API}sync/", {}).status_code == 403
    assert client_of(make_user("eve")).get(API).status_code == 403
    assert take_queued() == []


def test_task_runs_the_carry_when_a_worker_takes_it(stick: Stick, operator: User, page: Client) -> None:
    said = tasks.sync_media(path=str(stick.path), actor={"user_id": str(operator.pk)})
    assert said == {"outcome": "fine", "fault": None}
    carry = Carry.objects.get()
    assert (carry.status, str(carry.user_id)) == ("fine", str(operator.pk))
    assert "holdings" in page.get(f"/admin/transfer/carry/{carry.pk}/change/").content.decode()
    assert tasks.sync_media(path="/etc")["fault"]["code"] == "outside_media_roots"


def test_sync_is_enqueued_by_api_when_the_path_is_allowed(api: APIClient, stick: Stick) -> None:
    answer = api.post(f"{API}sync/", {"path": str(stick.path), "wait_s": 10}, format="json")
    assert answer.status_code == 202, answer.content
    (message,) = take_queued()
    assert (message["id"], message["named"]["path"], message["named"]["wait_s"]) == (
        answer.json()["task_id"],
        str(stick.path),
        10,
    )
    refused = api.post(f"{API}sync/", {"path": "/etc"}, format="json")
    assert (refused.status_code, refused.json()["stick_code"]) == (409, "outside_media_roots")
    assert api.post(f"{API}sync/", {"wait_s": -1}, format="json").status_code == 400
    assert take_queued() == []


def test_status_is_told_by_api_when_a_stick_is_in(api: APIClient, stick: Stick) -> None:
    told = api.get(API, {"path": str(stick.path)})
    assert (told.status_code, told.json()["stick"]) == (200, str(stick.path))
    assert api.get(API).json()["to_go"] == told.json()["to_go"]
    for path in ("/etc", f"{stick.path}/none"):
        assert api.get(API, {"path": path}).status_code == 409
    assert api.get(API, {"path": "/etc\0"}).status_code == 400
