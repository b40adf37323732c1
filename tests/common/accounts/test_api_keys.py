"""API keys on both sites: the secret once, the hash for ever."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from common_apps.accounts.api.permissions import HasScope
from common_apps.accounts.mastership import replica_import
from common_apps.accounts.models import ApiKey, User
from common_apps.accounts.services.tokens import issue_tokens
from common_apps.audit.models import AuditLog
from tests.factories import make_user

pytestmark = pytest.mark.django_db

KEYS = "/api/v1/auth/api-keys/"
ME = "/api/v1/auth/me/"


def _client_of(user: User) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_tokens(user=user).access}")
    return client


@pytest.fixture
def ada() -> User:
    return make_user("ada")


@pytest.fixture
def made(ada: User) -> Any:
    answer = _client_of(ada).post(KEYS, {"name": "robot", "scopes": ["requests:read"]}, format="json")
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_key_opens_me_when_sent_either_way(api: APIClient, ada: User, made: Any) -> None:
    for header in ({"HTTP_AUTHORIZATION": f"Api-Key {made['key']}"}, {"HTTP_X_API_KEY": made["key"]}):
        assert api.get(ME, **header).json()["id"] == str(ada.pk)


def test_key_secret_is_nowhere_when_made(ada: User, made: Any) -> None:
    key = ApiKey.objects.get(pk=made["id"])
    prefix, secret = made["key"].split(".")
    assert prefix == key.prefix == made["prefix"]
    assert secret not in str(key.__dict__)
    listed = _client_of(ada).get(KEYS)
    assert secret not in listed.content.decode()
    assert key.key_hash not in listed.content.decode()
    assert [row["id"] for row in listed.json()["results"]] == [made["id"]]
    assert not AuditLog.objects.filter(request_data__icontains=secret).exists()


@pytest.mark.parametrize("wrong", ["", "x", "x.y", "{prefix}", "{prefix}.", "{prefix}.wrong", "{prefix}.é"])
def test_key_is_refused_when_wrong(api: APIClient, made: Any, wrong: str) -> None:
    answer = api.get(ME, HTTP_AUTHORIZATION="Api-Key " + wrong.format(prefix=made["prefix"]))
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def test_key_is_refused_when_revoked_expired_or_its_user_inactive(api: APIClient, ada: User, made: Any) -> None:
    header = {"HTTP_X_API_KEY": made["key"]}
    ApiKey.objects.update(expires_at=datetime.now(UTC) + timedelta(hours=1))
    assert api.get(ME, **header).status_code == 200
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=2)):
        assert api.get(ME, **header).status_code == 401
    with transaction.atomic(), replica_import():
        User.objects.filter(pk=ada.pk).update(is_active=False)
    assert api.get(ME, **header).status_code == 401
    with transaction.atomic(), replica_import():
        User.objects.filter(pk=ada.pk).update(is_active=True)
    assert _client_of(ada).delete(f"{KEYS}{made['id']}/").status_code == 204
    assert api.get(ME, **header).status_code == 401


def test_rotation_ends_the_old_secret_when_asked(api: APIClient, ada: User, made: Any) -> None:
    rotated = _client_of(ada).post(f"{KEYS}{made['id']}/rotate/")
    assert (rotated.status_code, rotated.json()["id"]) == (200, made["id"])
    assert api.get(ME, HTTP_X_API_KEY=made["key"]).status_code == 401
    assert api.get(ME, HTTP_X_API_KEY=rotated.json()["key"]).status_code == 200
    ApiKey.objects.update(is_active=False)
    assert _client_of(ada).post(f"{KEYS}{made['id']}/rotate/").json()["code"] == "conflict"


def test_keys_of_others_are_not_found_when_touched(made: Any) -> None:
    other = _client_of(make_user("bob", role="admin", profile_type="admin"))
    assert other.get(KEYS).json()["results"] == []
    assert other.delete(f"{KEYS}{made['id']}/").status_code == 404
    assert other.post(f"{KEYS}{made['id']}/rotate/").status_code == 404


def test_key_makes_no_keys_when_it_asks(api: APIClient, made: Any) -> None:
    answer = api.post(KEYS, {"name": "x", "scopes": ["requests:read"]}, format="json", HTTP_X_API_KEY=made["key"])
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "x", "scopes": ["users:manage"]}, "/scopes/0"),
        ({"name": "x", "scopes": ["no:scope"]}, "/scopes/0"),
        ({"name": "x", "scopes": []}, "/scopes"),
        ({"name": "x", "scopes": ["requests:read"], "expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"name": "x", "scopes": ["requests:read"], "secret": "mine"}, "/secret"),
        ({"scopes": ["requests:read"]}, "/name"),
    ],
)
def test_key_is_not_made_when_the_body_is_wrong(ada: User, body: Any, pointer: str) -> None:
    answer = _client_of(ada).post(KEYS, body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")
    assert pointer in [fault["pointer"] for fault in answer.json()["errors"]]
    assert not ApiKey.objects.exists()


def test_last_use_is_written_once_a_minute_when_a_key_is_used(api: APIClient, made: Any) -> None:
    assert api.get(ME, HTTP_X_API_KEY=made["key"]).status_code == 200
    assert ApiKey.objects.get().last_used_at is not None
    with CaptureQueriesContext(connection) as queries:
        assert api.get(ME, HTTP_X_API_KEY=made["key"]).status_code == 200
    assert len(queries) == 1


def test_scope_decides_when_a_key_asks() -> None:
    view = SimpleNamespace(read_scope="requests:read", write_scope="requests:write")
    key = ApiKey(scopes=["requests:read"])
    allowed = HasScope().has_permission
    assert allowed(SimpleNamespace(auth=key, method="GET"), view)
    assert not allowed(SimpleNamespace(auth=key, method="POST"), view)
    assert not allowed(SimpleNamespace(auth=key, method="GET"), SimpleNamespace())
    assert allowed(SimpleNamespace(auth=None, method="POST"), view)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": 5, "scopes": ["requests:read"]}, "/name"),
        ({"name": True, "scopes": ["requests:read"]}, "/name"),
        ({"name": "robot", "scopes": "requests:read"}, "/scopes"),
        ({"name": "robot", "scopes": ["requests:read"], "expires_at": 5}, "/expires_at"),
        ({"name": "robot", "scopes": ["requests:read"], "expires_at": "9999-12-31T23:59:59-23:59"}, "/expires_at"),
    ],
)
def test_key_is_not_made_when_a_value_is_of_the_wrong_type(ada: User, body: dict[str, Any], pointer: str) -> None:
    answer = _client_of(ada).post(KEYS, body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert not ApiKey.objects.exists()
