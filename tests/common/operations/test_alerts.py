"""Alerts: raised once for each code and subject, kept with what they tell of, acknowledged by operators."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client
from rest_framework.test import APIClient

from common_apps.accounts.models import User
from common_apps.audit.models import AuditLog
from common_apps.core import alerts
from common_apps.core.alerts import AlertKind, end_alert, raise_alert
from common_apps.operations.models import Alert
from tests.factories import make_user

pytestmark = pytest.mark.django_db

EVENT = AlertKind(
    code="toy_event", level="critical", lasting=False, title="A toy fell", meaning="It fell.", cure="Pick it up."
)
STATE = AlertKind(
    code="toy_state", level="warning", lasting=True, title="A toy is lost", meaning="It is lost.", cure="Look for it."
)


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for kind in (EVENT, STATE):
        monkeypatch.setitem(alerts.kinds, kind.code, kind)
    yield


def _raise(kind: AlertKind = EVENT, subject: str = "bear", **facts: object) -> Alert:
    raise_alert(code=kind.code, subject=subject, detail="From the shelf.", facts=facts)
    return Alert.objects.get(code=kind.code, subject=subject, ended_at=None)


def test_raise_opens_one_alert_and_counts_up_when_it_is_told_again() -> None:
    first = _raise(falls=2, where="shelf")
    second = _raise(falls=3, where="table", who="cat")
    assert first.pk == second.pk
    assert (second.count, second.level, second.state) == (2, "critical", "open")
    assert second.facts == {"falls": 5, "where": "table", "who": "cat"}
    assert _raise(subject="doll").count == 1


def test_raise_leaves_nothing_when_the_callers_transaction_fails() -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        _raise()
        raise RuntimeError
    assert not Alert.objects.exists()


def test_raise_fails_when_no_app_knows_the_code() -> None:
    with pytest.raises(KeyError):
        raise_alert(code="nothing_known", subject="x", detail="")


def test_end_ends_the_open_one_and_the_next_is_another() -> None:
    first = _raise(STATE)
    end_alert(code=STATE.code, subject="doll")
    assert Alert.objects.get().state == "open"
    end_alert(code=STATE.code, subject="bear")
    assert Alert.objects.get().state == "ended"
    assert _raise(STATE).pk != first.pk


@pytest.mark.parametrize(("kind", "state"), [(EVENT, "ended"), (STATE, "acknowledged")])
def test_acknowledge_ends_an_event_and_not_a_lasting_state(kind: AlertKind, state: str) -> None:
    alert = _raise(kind)
    out = StringIO()
    call_command("alerts", "acknowledge", str(alert.pk), stdout=out)
    alert.refresh_from_db()
    assert alert.state == state
    assert state in out.getvalue()
    audited = AuditLog.objects.get(action="alert.acknowledged")
    assert audited.metadata["code"] == kind.code


def test_lasting_alert_asks_anew_when_it_is_raised_after_it_was_acknowledged() -> None:
    alert = _raise(STATE)
    call_command("alerts", "acknowledge", str(alert.pk), stdout=StringIO())
    assert _raise(STATE).state == "open"


def test_command_lists_what_is_not_over_with_its_cure() -> None:
    _raise()
    over = _raise(STATE)
    end_alert(code=STATE.code, subject="bear")
    out = StringIO()
    call_command("alerts", "list", "--json", stdout=out)
    (row,) = json.loads(out.getvalue())
    assert (row["code"], row["cure"], row["state"]) == ("toy_event", "Pick it up.", "open")
    out = StringIO()
    call_command("alerts", "list", "--all", stdout=out)
    assert str(over.pk) in out.getvalue()


def test_command_says_so_when_there_is_no_such_alert() -> None:
    with pytest.raises(CommandError, match="no alert"):
        call_command("alerts", "acknowledge", str(uuid4()))


def _client(role: str) -> APIClient:
    client = APIClient()
    client.force_authenticate(make_user(f"the-{role}", role=role))
    return client


def test_api_lists_and_acknowledges_when_asked_by_an_operator() -> None:
    alert = _raise(toys=1)
    client = _client("operator")
    (row,) = client.get("/api/v1/admin/alerts/?state=open").json()["results"]
    assert (row["id"], row["title"], row["meaning"], row["facts"]) == (
        str(alert.pk),
        EVENT.title,
        EVENT.meaning,
        {"toys": 1},
    )
    answer = client.post(f"/api/v1/admin/alerts/{alert.pk}/acknowledge/")
    assert (answer.status_code, answer.json()["state"]) == (200, "ended")
    assert client.get("/api/v1/admin/alerts/?state=open").json()["results"] == []
    audited = AuditLog.objects.get(action="alert.acknowledged")
    assert audited.user_id == User.objects.get(username="the-operator").pk


def test_api_refuses_an_ordinary_user_and_an_unknown_state() -> None:
    alert = _raise()
    user = _client("user")
    assert user.get("/api/v1/admin/alerts/").status_code == 403
    assert user.post(f"/api/v1/admin/alerts/{alert.pk}/acknowledge/").status_code == 403
    assert Alert.objects.get().state == "open"
    operator = _client("operator")
    assert operator.get("/api/v1/admin/alerts/?state=shut").status_code == 400
    assert operator.post(f"/api/v1/admin/alerts/{uuid4()}/acknowledge/").status_code == 404


def test_admin_acknowledges_by_its_action_when_the_user_is_an_operator(client: Client) -> None:
    alert = _raise()
    client.force_login(make_user("op", role="operator"), backend=settings.AUTHENTICATION_BACKENDS[-1])
    page = client.get("/admin/operations/alert/?state=open")
    assert "A toy fell" in page.content.decode()
    assert "Pick it up." in client.get(f"/admin/operations/alert/{alert.pk}/change/").content.decode()
    done = client.post(
        "/admin/operations/alert/", {"action": "acknowledge", "_selected_action": [str(alert.pk)]}, follow=True
    )
    assert done.status_code == 200
    assert Alert.objects.get().state == "ended"


def test_detailed_health_says_how_many_alerts_are_open(client: Client) -> None:
    _raise()
    _raise(STATE)
    check = client.get("/health/detailed").json()["checks"]["alerts"]
    assert (check["status"], check["open"], check["unacknowledged"], check["critical"]) == ("ok", 2, 2, 1)
