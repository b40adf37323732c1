"""The replica refuses in the admin, the API and the services, and says why."""

from typing import Any

import pytest
from django.contrib.auth.signals import user_logged_in
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from common_apps.accounts.models import ProfileType, User
from common_apps.accounts.services import profile_types, users
from common_apps.accounts.services.tokens import issue_tokens
from common_apps.audit.actors import SYSTEM
from common_apps.core.api.problems import describe_error
from common_apps.core.errors import DomainError
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def root() -> User:
    return make_user("root", role="admin", profile_type="admin")


def _rows() -> Any:
    return list(User.objects.values()), list(ProfileType.objects.values())


@pytest.mark.parametrize(
    "call",
    [
        lambda user, profile: users.create_user(username="x", password=None, actor=SYSTEM),
        lambda user, profile: users.change_user(user=user, full_name="x", actor=SYSTEM),
        lambda user, profile: users.set_password(user=user, password="Long-enough-1234", actor=SYSTEM),
        lambda user, profile: users.deactivate_user(user=user, actor=SYSTEM),
        lambda user, profile: users.delete_user(user=user, actor=SYSTEM),
        lambda user, profile: users.create_first_admin(username="x", email="", password="x", actor=SYSTEM),
        lambda user, profile: profile_types.seed_profile_types(actor=SYSTEM),
        lambda user, profile: profile_types.create_profile_type(name="x", actor=SYSTEM),
        lambda user, profile: profile_types.change_profile_type(profile=profile, priority=1, actor=SYSTEM),
        lambda user, profile: profile_types.delete_profile_type(profile=profile, actor=SYSTEM),
    ],
)
def test_service_is_refused_when_called_on_the_replica(root: User, call: Any) -> None:
    before = _rows()
    with pytest.raises(DomainError) as caught:
        call(root, ProfileType.objects.get(name="basic"))
    assert caught.value.code == "replica_read_only"
    assert _rows() == before


@pytest.mark.django_db(transaction=True)
def test_model_save_becomes_replica_read_only_when_nobody_asked_first(root: User) -> None:
    root.full_name = "x"
    with pytest.raises(Exception, match="replica") as caught:
        root.save()
    described = describe_error(caught.value)
    assert described is not None
    assert described.code == "replica_read_only"


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
@pytest.mark.parametrize("path", ["users/", "users/0190/", "profile-types/", "users/0190/password/"])
def test_api_answers_replica_read_only_when_written(root: User, method: str, path: str) -> None:
    client = APIClient()
    assert getattr(client, method)(f"/api/v1/{path}", {}, format="json").status_code == 401
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_tokens(user=root).access}")
    answer = getattr(client, method)(f"/api/v1/{path}", {}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "replica_read_only")
    assert "response site" in answer.json()["detail"]


def test_admin_answers_403_when_a_form_is_forged(client: Client, root: User) -> None:
    client.force_login(root)
    before = _rows()
    user, profile = root.pk, ProfileType.objects.get(name="basic").pk
    forms = [
        (reverse("admin:accounts_user_add"), {"username": "x"}),
        (reverse("admin:accounts_user_change", args=[user]), {"username": "x"}),
        (reverse("admin:accounts_user_delete", args=[user]), {"post": "yes"}),
        (reverse("admin:accounts_user_changelist"), {"action": "deactivate", "_selected_action": [str(user)]}),
        (reverse("admin:accounts_profiletype_add"), {"name": "x"}),
        (reverse("admin:accounts_profiletype_change", args=[profile]), {"priority": "1"}),
        (reverse("admin:accounts_profiletype_delete", args=[profile]), {"post": "yes"}),
        (reverse("admin:password_change"), {"old_password": "x"}),
    ]
    assert {address: client.post(address, body).status_code for address, body in forms} == dict.fromkeys(
        [address for address, _ in forms], 403
    )
    assert client.get(reverse("admin:password_change")).status_code == 403
    assert _rows() == before


def test_login_writes_nothing_into_users_when_its_signal_is_sent(rf: Any, root: User) -> None:
    before = _rows()
    request = rf.post("/", REMOTE_ADDR="192.0.2.1")
    user_logged_in.send(sender=User, request=request, user=root)
    assert _rows() == before
