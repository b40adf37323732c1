"""Operators see the queue and the answers; nobody types into them."""

import pytest
import redis
from django.test import Client
from django.urls import reverse

from common_apps.accounts.models import User
from common_apps.audit.models import AuditLog
from common_apps.transfer.bundle import records
from response_site.execution import cache
from response_site.execution.models import IncomingRequest, QueryResult
from response_site.execution.services.drain import drain
from tests.response_site.execution.scene import INDEX, Watched, ask, bring, make_user, send

pytestmark = pytest.mark.django_db

BACKEND = "common_apps.accounts.backends.AccountsBackend"
MODELS = ["incomingrequest", "queryresult", "cancellation"]


def _enter(client: Client, role: str) -> None:
    user = make_user(role)
    user.role = role
    user.save()
    client.force_login(user, BACKEND)


@pytest.fixture
def answered(asker: User, engine: Watched) -> records.Request:
    """A request that was answered and sent, and a cancellation."""
    request = ask(asker)
    bring(request, records.Cancel(id=asker.id, request_id=asker.id, user_id=asker.id, timestamp=request.timestamp))
    drain(worker="one")
    send()
    return request


@pytest.mark.parametrize("role", ["operator", "admin"])
@pytest.mark.parametrize("model", MODELS)
def test_pages_show_rows_and_no_form_when_seen(
    client: Client, answered: records.Request, role: str, model: str
) -> None:
    _enter(client, role)
    listed = client.get(reverse(f"admin:execution_{model}_changelist"))
    assert listed.status_code == 200
    row = {"incomingrequest": IncomingRequest, "queryresult": QueryResult}.get(model)
    if row is not None:
        assert str(answered.id) in listed.content.decode()
        page = client.get(reverse(f"admin:execution_{model}_change", args=[row.objects.get().pk]))
        assert page.status_code == 200
        assert 'name="_save"' not in page.content.decode()
    assert client.get(reverse(f"admin:execution_{model}_add")).status_code == 403


def test_search_finds_a_request_when_its_id_is_typed(client: Client, answered: records.Request) -> None:
    _enter(client, "operator")
    for model in ("incomingrequest", "queryresult"):
        address = reverse(f"admin:execution_{model}_changelist")
        assert str(answered.id) in client.get(address, {"q": str(answered.id)}).content.decode()
        assert client.get(address, {"q": "not an id"}).status_code == 200
        assert str(answered.id) not in client.get(address, {"q": str(answered.user_id)[::-1]}).content.decode()


def test_list_filters_when_a_state_is_chosen(client: Client, answered: records.Request) -> None:
    _enter(client, "operator")
    address = reverse("admin:execution_incomingrequest_changelist")
    assert str(answered.id) in client.get(address, {"status__exact": "completed"}).content.decode()
    assert str(answered.id) not in client.get(address, {"status__exact": "pending"}).content.decode()


def _invalidate(client: Client) -> str:
    row = IncomingRequest.objects.get()
    chosen = {"action": "invalidate_cached_answers", "_selected_action": [str(row.pk)]}
    return client.post(reverse("admin:execution_incomingrequest_changelist"), chosen, follow=True).content.decode()


def test_cached_answers_are_forgotten_when_an_admin_invalidates(
    client: Client, answered: records.Request, asker: User, engine: Watched
) -> None:
    _enter(client, "admin")
    assert f"{INDEX}: 1" in _invalidate(client)
    assert AuditLog.objects.get(action="cache.invalidated").resource_id == INDEX
    bring(ask(asker))
    assert drain(worker="two").hits == 0


def test_cached_answers_stay_when_an_operator_tries(
    client: Client, answered: records.Request, asker: User, engine: Watched
) -> None:
    _enter(client, "operator")
    _invalidate(client)
    assert not AuditLog.objects.filter(action="cache.invalidated").exists()
    bring(ask(asker))
    assert drain(worker="two").hits == 1


def test_admin_is_told_when_the_cache_is_down(
    client: Client, answered: records.Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    _enter(client, "admin")
    monkeypatch.setattr(cache, "_client", lambda: redis.Redis(host="127.0.0.1", port=1))
    assert "The cache does not answer" in _invalidate(client)
