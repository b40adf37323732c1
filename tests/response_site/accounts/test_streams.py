"""What the master sends."""

import json

import pytest

from common_apps.accounts.models import ProfileType
from common_apps.queries.models import Index
from common_apps.transfer.bundle.codec import decode_record
from common_apps.transfer.registry import state_receivers, state_senders
from tests.factories import make_user, seed_profiles

pytestmark = pytest.mark.django_db


def test_registry_holds_senders_and_no_receivers_when_this_is_the_master() -> None:
    assert {"users", "profile_types"} <= set(state_senders)
    assert not {"users", "profile_types"} & set(state_receivers)


def test_users_snapshot_is_canonical_and_sorted_when_read() -> None:
    users = [make_user(name, overrides={"priority": 3, "a": 1}) for name in ("zoë", "ada", "bob")]
    make_user("gone", absent=True)
    lines = list(state_senders["users"].snapshot())
    ids = [json.loads(line)["id"] for line in lines]
    assert ids == sorted(str(user.pk) for user in users)
    for line in lines:
        decode_record("users", line)
        text = json.dumps(json.loads(line), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert line.decode() == text
    assert {json.loads(line)["hashed_password"] for line in lines} == {user.password for user in users}


def test_profile_types_snapshot_names_the_indices_that_list_them() -> None:
    seed_profiles()
    Index.objects.create(name="contracts", profile_types=["basic", "premium"])
    Index.objects.create(name="alerts", profile_types=["basic"])
    lines = [json.loads(line) for line in state_senders["profile_types"].snapshot()]
    assert [line["id"] for line in lines] == sorted(
        str(key) for key in ProfileType.objects.values_list("pk", flat=True)
    )
    indices = {line["name"]: line["indices"] for line in lines}
    assert indices == {"basic": ["alerts", "contracts"], "premium": ["contracts"], "enterprise": [], "admin": []}
