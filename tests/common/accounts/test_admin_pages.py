"""Every page of the admin, on both sites: nothing breaks, nothing asks row by row, and operators change nothing."""

from __future__ import annotations

import re
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib import admin
from django.core.cache import caches
from django.test import Client
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from common_apps.accounts.models import ApiKey, User
from common_apps.accounts.services.tokens import issue_tokens, revoke_token
from common_apps.audit.actors import SYSTEM
from tests.common.accounts.conftest import PASSWORD
from tests.factories import make_user

pytestmark = pytest.mark.django_db

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
# What an operator may run (interfaces.md, "Admin"): the carry, and acknowledging alerts.
CARRY = re.compile(r"export|import|acknowledge")


def address(model: Any) -> str:
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/"


def enter(client: Client, role: str) -> Client:
    client.force_login(make_user(f"{role}-at-work", role=role, password=PASSWORD))
    return client


def actions_on(page: bytes) -> list[str]:
    _, _, menu = page.decode().partition('<select name="action"')
    return re.findall(r'<option value="(\w+)"', menu.partition("</select>")[0])


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_list_opens_and_finds_when_searched_for_anything(client: Client, model: Any) -> None:
    enter(client, "admin")
    assert client.get(address(model)).status_code == 200
    for words in ("x", "'", "%", "سلام", "01890000-0000-7000-8000-000000000000", "9" * 40, '"a b'):
        assert client.get(address(model), {"q": words}).status_code == 200


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_form_has_no_inline_script_when_it_is_open_to_an_admin(client: Client, model: Any) -> None:
    enter(client, "admin")
    page = client.get(address(model) + "add/")
    assert page.status_code in (200, 403)
    scripts = re.findall(r"<script[^>]*>", page.content.decode())
    assert [tag for tag in scripts if "src=" not in tag and "application/json" not in tag] == []


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_operator_sees_the_list_and_no_action_but_the_carry_when_in_the_admin(client: Client, model: Any) -> None:
    enter(client, "operator")
    page = client.get(address(model))
    assert page.status_code == 200
    assert [action for action in actions_on(page.content) if not CARRY.search(action)] == []
    for path in ("add/", "1/delete/"):
        assert client.post(address(model) + path, {"post": "yes"}).status_code in (302, 403)
    request = page.wsgi_request
    offered = admin.site._registry[model].get_actions(request)
    assert [action for action in offered if not CARRY.search(action)] == []


def test_filter_by_profile_works_when_chosen(client: Client) -> None:
    enter(client, "admin")
    make_user("eve", profile_type="enterprise")
    page = client.get(address(User)).content.decode()
    assert "?profile_type__name__exact=enterprise" in page
    narrowed = client.get(address(User), {"profile_type__name__exact": "enterprise"})
    assert narrowed.status_code == 200
    assert [row.username for row in narrowed.context["cl"].result_list] == ["eve"]


@pytest.mark.parametrize(
    ("model", "lookup"),
    [(User, "password__startswith"), (User, "password"), (ApiKey, "key_hash__gte"), (ApiKey, "user__password__gte")],
)
@pytest.mark.parametrize("role", ["operator", "admin"])
def test_hash_can_not_be_guessed_by_filters_when_the_list_is_seen(
    client: Client, model: Any, lookup: str, role: str
) -> None:
    enter(client, role)
    assert client.get(address(model), {lookup: "pbkdf2"}).status_code == 400


def test_tokens_are_seen_and_not_typed_when_an_admin_looks(client: Client, django_assert_max_num_queries: Any) -> None:
    enter(client, "admin")
    for name in ("ann", "bob", "cyd", "dan"):
        revoke_token(refresh=issue_tokens(user=make_user(name)).refresh, actor=SYSTEM)
    for model in (OutstandingToken, BlacklistedToken):
        # Nine of them are the banner's, on every page; four rows more than one would make it more.
        with django_assert_max_num_queries(16):
            assert client.get(address(model)).status_code == 200
        row = model.objects.first()
        page = client.get(f"{address(model)}{row.pk}/change/")
        assert page.status_code == 200
        assert b"_save" not in page.content
        assert client.post(address(model) + "add/", {}).status_code == 403
        assert client.post(f"{address(model)}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert BlacklistedToken.objects.count() == 4


def test_locked_out_user_is_let_in_again_when_an_admin_deletes_the_attempts(client: Client, settings: Any) -> None:
    make_user("ada", role="operator", password=PASSWORD)
    for _ in range(settings.AXES_FAILURE_LIMIT):
        client.post("/admin/login/", {"username": "ada", "password": "wrong"})
    caches["limits"].clear()
    assert client.post("/admin/login/", {"username": "ada", "password": PASSWORD}).status_code == 429
    operator = enter(Client(), "operator")
    attempt = AccessAttempt.objects.get()
    assert operator.post(f"{address(AccessAttempt)}{attempt.pk}/delete/", {"post": "yes"}).status_code == 403
    root = enter(Client(), "admin")
    assert root.post(f"{address(AccessAttempt)}{attempt.pk}/delete/", {"post": "yes"}).status_code == 302
    assert client.post("/admin/login/", {"username": "ada", "password": PASSWORD}).status_code == 302
