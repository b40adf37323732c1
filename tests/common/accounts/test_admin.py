"""The admin's doors, on both sites."""

import re
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.conf import settings
from django.test import Client
from django.urls import reverse

from common_apps.accounts.models import ApiKey, User
from common_apps.audit.models import AuditLog
from tests.common.accounts.conftest import PASSWORD
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin_page(client: Client) -> Client:
    client.force_login(make_user("root", role="admin", profile_type="admin", password=PASSWORD))
    return client


def _log_in(client: Client, username: str, password: str = PASSWORD) -> Any:
    return client.post(reverse("admin:login"), {"username": username, "password": password})


@pytest.mark.parametrize(("role", "enters"), [("admin", True), ("operator", True), ("user", False), ("system", False)])
def test_admin_login_lets_staff_in_alone(client: Client, role: str, enters: bool) -> None:
    user = make_user("ada", role=role, password=PASSWORD)
    answer = _log_in(client, "ada")
    assert (answer.status_code == 302) is enters
    after = User.objects.get(pk=user.pk)
    assert after.password == user.password
    assert (after.last_login is not None) is (enters and settings.SITE == "response")


def test_admin_login_is_locked_when_guessed_too_often(client: Client) -> None:
    make_user("ada", role="admin", profile_type="admin", password=PASSWORD)
    for _ in range(settings.AXES_FAILURE_LIMIT):
        answer = _log_in(client, "ada", "mistyped-secret")
    assert answer.status_code == 429
    assert answer["Retry-After"] == "900"
    kept = str(list(AccessAttempt.objects.values())) + str(list(AuditLog.objects.values()))
    assert "mistyped-secret" not in kept
    assert _log_in(client, "ada").status_code == 429


def test_admin_login_is_limited_per_address(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common_apps.accounts.lockout.ADDRESS_RATE", "1/h")
    _log_in(client, "nobody")
    assert b"Too many logins from your address" in _log_in(client, "nobody").content


def test_session_ends_when_the_user_is_deactivated(client: Client) -> None:
    make_user("ada", role="admin", profile_type="admin", password=PASSWORD, is_active=False)
    assert _log_in(client, "ada").status_code == 200
    assert client.get(reverse("admin:index")).status_code == 302


@pytest.mark.parametrize("model", ["user", "profiletype", "apikey"])
def test_lists_and_rows_show_no_hash_when_an_admin_looks(admin_page: Client, model: str) -> None:
    root = User.objects.get()
    ApiKey.objects.create(user=root, name="robot", prefix="af00", key_hash="f" * 64)
    listing = admin_page.get(reverse(f"admin:accounts_{model}_changelist"), {"q": "a"})
    assert listing.status_code == 200
    rows = {"user": root, "apikey": ApiKey.objects.get(), "profiletype": root.profile_type}
    page = admin_page.get(reverse(f"admin:accounts_{model}_change", args=[rows[model].pk]))
    assert page.status_code == 200
    for secret in (root.password, "pbkdf2", "f" * 64):
        assert secret.encode() not in listing.content + page.content


def test_admin_shows_the_secret_once_when_a_key_is_made(admin_page: Client) -> None:
    root = User.objects.get()
    body = {"user": str(root.pk), "name": "robot", "scopes": ["tasks:read"], "expires_at_0": "", "expires_at_1": ""}
    answer = admin_page.post(reverse("admin:accounts_apikey_add"), body)
    found = re.search(r'value="(af[0-9a-f]{12}\.[\w-]{43})"', answer.content.decode())
    assert found is not None, answer.content
    key = ApiKey.objects.get()
    assert key.matches(found[1].partition(".")[2])
    assert "no-store" in answer["Cache-Control"]
    again = admin_page.post(
        reverse("admin:accounts_apikey_changelist"), {"action": "rotate", "_selected_action": [str(key.pk)]}
    )
    assert b"shown this once" in again.content
    assert not ApiKey.objects.get().matches(found[1].partition(".")[2])
    admin_page.post(
        reverse("admin:accounts_apikey_changelist"), {"action": "revoke", "_selected_action": [str(key.pk)]}
    )
    assert not ApiKey.objects.get().is_active
    assert AuditLog.objects.filter(action__startswith="api_key.").count() == 3


def test_admin_names_the_field_when_a_scope_is_beyond_the_role(admin_page: Client) -> None:
    ada = make_user("ada")
    answer = admin_page.post(
        reverse("admin:accounts_apikey_add"), {"user": str(ada.pk), "name": "robot", "scopes": ["users:manage"]}
    )
    assert answer.status_code == 200
    assert b"is not among" in answer.content
    assert not ApiKey.objects.exists()


def test_operator_sees_and_changes_nothing_when_in_the_admin(client: Client) -> None:
    client.force_login(make_user("otto", role="operator", password=PASSWORD))
    otto = User.objects.get()
    for model in ("user", "profiletype", "apikey"):
        assert client.get(reverse(f"admin:accounts_{model}_changelist")).status_code == 200
        assert client.post(reverse(f"admin:accounts_{model}_add"), {}).status_code == 403
    assert client.get(reverse("admin:accounts_user_change", args=[otto.pk])).status_code == 200
    assert client.post(reverse("admin:accounts_user_change", args=[otto.pk]), {"role": "admin"}).status_code == 403
