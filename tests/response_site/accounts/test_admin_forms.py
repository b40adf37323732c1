"""The admin's forms for users and profile types, which call the services."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from common_apps.accounts.models import ProfileType, User
from common_apps.audit.models import AuditLog
from tests.factories import make_user

pytestmark = pytest.mark.django_db

PASSWORD = "Correct-horse-battery-7"
EMPTY = {
    "full_name": "",
    "email": "",
    "role": "user",
    "is_active": "on",
    "new_password": "",
    "override_rate_limit_per_minute": "",
    "override_rate_limit_per_hour": "",
    "override_rate_limit_per_day": "",
    "override_priority": "",
}


@pytest.fixture
def root(client: Client) -> User:
    user = make_user("root", role="admin", profile_type="admin", password=PASSWORD)
    client.force_login(user)
    return user


def _body(**changes: Any) -> dict[str, Any]:
    basic = ProfileType.objects.get(name="basic")
    return {**EMPTY, "profile_type": basic.name, **changes}


def test_user_is_made_by_the_service_when_the_form_is_sent(client: Client, root: User) -> None:
    add = reverse("admin:accounts_user_add")
    assert client.get(add).status_code == 200
    answer = client.post(add, _body(username="ada", new_password=PASSWORD, override_priority="9"))
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    ada = User.objects.get(username="ada")
    assert ada.check_password(PASSWORD)
    assert (ada.priority, ada.overrides, ada.rate_limit_per_minute) == (9, {"priority": 9}, 10)
    assert AuditLog.objects.filter(action="user.created", user_id=root.pk).count() == 1


def test_form_names_its_field_when_the_service_refuses(client: Client, root: User) -> None:
    add = reverse("admin:accounts_user_add")
    for body, words in (
        (_body(username="ada", new_password="short"), b"too short"),
        (_body(username="ada", override_priority="11"), b"from 1 to 10"),
        (_body(username="root"), b"is taken"),
        (_body(username="ada\x07"), b"control characters"),
    ):
        answer = client.post(add, body)
        assert answer.status_code == 200
        assert words in answer.content, body
    assert User.objects.count() == 1


def test_user_is_changed_and_password_kept_when_the_field_is_empty(client: Client, root: User) -> None:
    ada = make_user("ada", password=PASSWORD)
    page = reverse("admin:accounts_user_change", args=[ada.pk])
    assert client.post(page, _body(username="ada", full_name="Ada L.", role="operator")).status_code == 302
    ada.refresh_from_db()
    assert (ada.full_name, ada.role) == ("Ada L.", "operator")
    assert ada.check_password(PASSWORD)
    assert client.post(page, _body(username="ada", new_password="Another-horse-battery-8")).status_code == 302
    ada.refresh_from_db()
    assert ada.check_password("Another-horse-battery-8")
    assert AuditLog.objects.filter(action="user.password_set").count() == 1


def test_action_deactivates_all_but_the_last_admin_when_run(client: Client, root: User) -> None:
    ada = make_user("ada")
    body = {"action": "deactivate", "_selected_action": [str(ada.pk), str(root.pk)]}
    answer = client.post(reverse("admin:accounts_user_changelist"), body, follow=True)
    assert b"last admin" in answer.content
    assert dict(User.objects.values_list("username", "is_active")) == {"ada": False, "root": True}


def test_profile_form_reaches_its_users_when_sent(client: Client, root: User) -> None:
    ada = make_user("ada")
    basic = ProfileType.objects.get(name="basic")
    limits = {
        "rate_limit_per_minute": 12,
        "rate_limit_per_hour": 100,
        "rate_limit_per_day": 500,
        "priority": 4,
        "soft_limit_percent": 80,
        "max_size": 1000,
    }
    assert client.post(reverse("admin:accounts_profiletype_change", args=[basic.pk]), limits).status_code == 302
    ada.refresh_from_db()
    assert (ada.rate_limit_per_minute, ada.priority) == (12, 4)
    assert client.post(reverse("admin:accounts_profiletype_add"), {"name": "gold", **limits}).status_code == 302
    gold = ProfileType.objects.get(name="gold")
    assert client.post(reverse("admin:accounts_profiletype_delete", args=[gold.pk]), {"post": "yes"}).status_code == 302
    client.post(reverse("admin:accounts_profiletype_delete", args=[basic.pk]), {"post": "yes"})
    assert sorted(ProfileType.objects.values_list("name", flat=True)) == ["admin", "basic", "enterprise", "premium"]


def test_own_password_is_changed_by_the_service_when_the_old_one_is_known(client: Client, root: User) -> None:
    page = reverse("admin:password_change")
    assert client.get(page).status_code == 200
    new = {"new_password1": "Another-horse-battery-8", "new_password2": "Another-horse-battery-8"}
    assert b"incorrectly" in client.post(page, {"old_password": "wrong", **new}).content
    assert client.post(page, {"old_password": PASSWORD, **new}).status_code == 302
    assert User.objects.get().check_password("Another-horse-battery-8")
    assert client.get(reverse("admin:index")).status_code == 200
    assert AuditLog.objects.filter(action="user.password_set", user_id=root.pk).count() == 1
