"""Passwords for tokens, on both sites."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import jwt
import pytest
import time_machine
from axes.models import AccessAttempt
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from common_apps.accounts.mastership import replica_import
from common_apps.accounts.models import User
from common_apps.accounts.services.tokens import issue_tokens, refresh_tokens
from common_apps.audit.actors import SYSTEM
from common_apps.audit.models import AuditLog
from tests.common.accounts.conftest import PASSWORD
from tests.factories import make_user

pytestmark = pytest.mark.django_db

ME = "/api/v1/auth/me/"
REFRESH = "/api/v1/auth/token/refresh/"
REVOKE = "/api/v1/auth/token/revoke/"


def _bearer(token: str) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"Bearer {token}"}


def test_login_gives_tokens_that_open_me_when_the_password_is_right(api: APIClient, log_in: Any) -> None:
    user = make_user("ada", password=PASSWORD)
    answer = log_in("ada")
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert sorted(body) == ["access", "expires_in", "refresh"]
    assert body["expires_in"] == 3600
    me = api.get(ME, **_bearer(body["access"]))
    assert me.status_code == 200
    assert me.json()["id"] == str(user.pk)
    assert me.json()["profile_type"] == "basic"
    assert AuditLog.objects.filter(action="auth.logged_in", user_id=user.pk).count() == 1


def test_login_leaves_the_hash_alone_when_its_rounds_are_old(log_in: Any) -> None:
    before = make_user("ada", password=PASSWORD)
    assert log_in("ada").status_code == 200
    after = User.objects.get(pk=before.pk)
    assert after.password == before.password
    assert (after.last_login is not None) is (settings.SITE == "response")
    assert after.updated_at == before.updated_at


def test_login_answers_alike_when_name_or_password_is_wrong_or_user_inactive(log_in: Any) -> None:
    make_user("ada", password=PASSWORD)
    make_user("bob", password=PASSWORD, is_active=False)
    answers = [log_in("ada", "wrong"), log_in("nobody"), log_in("bob"), log_in("ada", "")]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 400]
    first = {**answers[0].json(), "request_id": None}
    assert first["code"] == "not_authenticated"
    assert all({**answer.json(), "request_id": None} == first for answer in answers[1:3])
    assert answers[0]["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({}, "/username"), ({"username": "a"}, "/password"), ({"username": ["a"], "password": "b"}, "/username")],
)
def test_login_names_the_field_when_the_body_is_wrong(api: APIClient, body: Any, pointer: str) -> None:
    answer = api.post("/api/v1/auth/token/", body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")
    assert pointer in [fault["pointer"] for fault in answer.json()["errors"]]


def test_token_costs_one_query_when_it_opens_a_view(api: APIClient, log_in: Any) -> None:
    make_user("ada", password=PASSWORD)
    token = log_in("ada").json()["access"]
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert api.get(ME, **_bearer(token)).status_code == 200
    assert len(queries) == 1


def test_token_is_refused_when_user_is_deactivated_or_has_a_new_password(api: APIClient, log_in: Any) -> None:
    for change in ({"is_active": False}, {"password": "another"}):
        user = make_user(f"ada{len(change)}{next(iter(change))}", password=PASSWORD)
        tokens = log_in(user.username).json()
        with replica_import():
            User.objects.filter(pk=user.pk).update(**change)
        for answer in (
            api.get(ME, **_bearer(tokens["access"])),
            api.post(REFRESH, {"refresh": tokens["refresh"]}, format="json"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")


def _forged(**changes: Any) -> str:
    now = datetime.now(UTC)
    claims = {
        "token_type": "access",
        "exp": now + timedelta(hours=1),
        "iat": now,
        "jti": "0" * 32,
        "aud": f"airferry-{settings.SITE}",
        "iss": f"airferry-{settings.SITE}",
        "sub": "00000000-0000-0000-0000-000000000000",
    }
    key = changes.pop("key", settings.SIMPLE_JWT["SIGNING_KEY"])
    return jwt.encode({**claims, **changes}, key, algorithm=changes.pop("alg", "HS256"))


@pytest.mark.parametrize(
    "token",
    [
        "not.a.token",
        "\u00e9",
        lambda: _forged(aud=f"airferry-{settings.PEER}", iss=f"airferry-{settings.PEER}"),
        lambda: _forged(key="another key that is long enough for HS256"),
        lambda: _forged(key=settings.SECRET_KEY),
        lambda: _forged(),
        lambda: _forged(sub="no uuid"),
        lambda: _forged(token_type="refresh"),
        lambda: _forged(exp=datetime.now(UTC) - timedelta(seconds=1)),
    ],
)
def test_token_is_invalid_when_forged_foreign_or_expired(api: APIClient, token: Any) -> None:
    answer = api.get(ME, **_bearer(token() if callable(token) else token))
    assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")
    assert answer["Content-Type"] == "application/problem+json"


def test_access_token_ends_when_its_hour_is_over(api: APIClient, log_in: Any) -> None:
    make_user("ada", password=PASSWORD)
    tokens = log_in("ada").json()
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=61)):
        assert api.get(ME, **_bearer(tokens["access"])).json()["code"] == "token_invalid"
        assert api.post(REFRESH, {"refresh": tokens["refresh"]}, format="json").status_code == 200


def test_refresh_token_is_good_once_when_rotated(api: APIClient, log_in: Any) -> None:
    make_user("ada", password=PASSWORD)
    first = log_in("ada").json()
    second = api.post(REFRESH, {"refresh": first["refresh"]}, format="json")
    assert second.status_code == 200
    assert sorted(second.json()) == ["access", "expires_in", "refresh"]
    again = api.post(REFRESH, {"refresh": first["refresh"]}, format="json")
    assert (again.status_code, again.json()["code"]) == (401, "token_invalid")
    assert api.post(REFRESH, {"refresh": second.json()["refresh"]}, format="json").status_code == 200


def test_refresh_token_is_no_good_when_revoked_or_an_access_token(api: APIClient, log_in: Any) -> None:
    make_user("ada", password=PASSWORD)
    tokens = log_in("ada").json()
    assert api.post(REVOKE, {"refresh": tokens["refresh"]}, format="json").status_code == 204
    for token in (tokens["refresh"], tokens["access"], "rubbish"):
        answer = api.post(REFRESH, {"refresh": token}, format="json")
        assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")


def test_database_keeps_no_token_when_tokens_are_issued(log_in: Any) -> None:
    make_user("ada", password=PASSWORD)
    log_in("ada")
    assert set(OutstandingToken.objects.values_list("token", flat=True)) == {""}


def test_login_locks_out_one_name_from_one_address_when_guessed_too_often(api: APIClient, log_in: Any) -> None:
    make_user("ada", password=PASSWORD)
    make_user("bob", password=PASSWORD)
    answers = [log_in("ada", "wrong").status_code for _ in range(settings.AXES_FAILURE_LIMIT)]
    assert answers[:-1] == [401] * (settings.AXES_FAILURE_LIMIT - 1)
    locked = log_in("ada")
    assert locked.status_code == 429
    assert locked.json()["code"] == "rate_limited"
    assert int(locked["Retry-After"]) == 900
    assert "15 minutes" in locked.json()["detail"]
    assert log_in("bob").status_code == 200
    AccessAttempt.objects.all().delete()
    assert log_in("ada").status_code == 200


def test_login_is_limited_per_address_when_names_vary(
    api: APIClient, log_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common_apps.accounts.lockout.ADDRESS_RATE", "2/h")
    assert [log_in(f"nobody{number}").status_code for number in range(3)] == [401, 401, 429]


def test_login_answers_503_when_the_store_of_limits_is_down(log_in: Any, settings: Any) -> None:
    make_user("ada", password=PASSWORD)
    limits = {**settings.CACHES["limits"], "LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {**settings.CACHES, "limits": limits}
    answer = log_in("ada")
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
    assert "Retry-After" in answer


@pytest.mark.django_db(transaction=True)
def test_one_of_two_gets_a_pair_when_a_refresh_token_is_used_twice_at_once() -> None:
    refresh = issue_tokens(user=make_user("ada")).refresh
    start = Barrier(2)

    def use() -> bool:
        try:
            start.wait(timeout=30)
            refresh_tokens(refresh=refresh, actor=SYSTEM)
        except TokenError:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as pool:
        outcomes = [future.result() for future in [pool.submit(use), pool.submit(use)]]
    assert sorted(outcomes) == [False, True]
