"""Snapshots of users and profile types, as the receivers enter them."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
from django.db import DatabaseError, IntegrityError, transaction

from common_apps.accounts.mastership import replica_import
from common_apps.accounts.models import ProfileType, User
from common_apps.accounts.services.tokens import issue_tokens
from common_apps.accounts.streams import ProfileTypesReceiver, UsersReceiver, user_lines
from common_apps.core.ids import new_id
from common_apps.transfer.bundle import records
from common_apps.transfer.bundle.codec import decode_record, encode_record
from common_apps.transfer.registry import state_receivers, state_senders
from tests.factories import seed_profiles

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
BATCH = UUID("01930000-0000-7000-8000-000000000000")

pytestmark = pytest.mark.django_db


def _user(username: str, **changes: Any) -> records.User:
    fields: dict[str, Any] = {
        "id": new_id(),
        "username": username,
        "email": f"{username}@example.org",
        "hashed_password": "pbkdf2_sha256$1$salt$hash",
        "full_name": username.title(),
        "role": "user",
        "profile_type": "basic",
        "overrides": {},
        "rate_limit_per_minute": 10,
        "rate_limit_per_hour": 100,
        "rate_limit_per_day": 500,
        "priority": 5,
        "is_active": True,
        "deleted_at": None,
    }
    return records.User(**{**fields, **changes})


def _take(*coming: records.User) -> int:
    with transaction.atomic():
        ordered = sorted(coming, key=lambda record: record.id)
        return UsersReceiver().apply_snapshot(ordered, import_batch_id=BATCH, at=AT)


def test_registry_holds_receivers_and_no_senders_when_this_is_the_replica() -> None:
    assert {"users", "profile_types"} <= set(state_receivers)
    assert not {"users", "profile_types"} & set(state_senders)


def test_snapshot_enters_users_with_id_and_hash_when_they_are_new() -> None:
    ada = _user("ada", overrides={"priority": 9}, priority=9, deleted_at=AT, profile_type="not_yet_carried")
    assert _take(ada) == 1
    user = User.objects.get()
    assert (user.pk, user.password, user.profile_type_id) == (ada.id, ada.hashed_password, "not_yet_carried")
    assert (user.priority, user.overrides, user.deleted_at, user.synced_at) == (9, {"priority": 9}, AT, AT)


def test_snapshot_changes_nothing_when_it_comes_again() -> None:
    coming = [_user("ada"), _user("bob", is_active=False)]
    assert _take(*coming) == 2
    before = list(User.objects.values())
    assert _take(*coming) == 0
    assert list(User.objects.values()) == before


def test_lines_here_equal_the_lines_that_came_when_all_is_applied() -> None:
    coming = [_user("zoë"), _user("ada"), _user("bob", overrides={"rate_limit_per_day": 7}, deleted_at=AT)]
    _take(*coming)
    lines = list(user_lines())
    assert lines == [encode_record(record) for record in sorted(coming, key=lambda record: record.id)]
    assert [decode_record("users", line) for line in lines] == sorted(coming, key=lambda record: record.id)


def test_user_is_deactivated_and_marked_absent_when_a_snapshot_lacks_them() -> None:
    ada, bob = _user("ada"), _user("bob")
    _take(ada, bob)
    assert _take(bob, _user("ada", email="another@example.org")) == 2
    gone = User.objects.get(pk=ada.id)
    assert (gone.username, gone.is_active, gone.absent) == (str(ada.id), False, True)
    assert User.objects.get(username="ada").email == "another@example.org"
    assert len(list(user_lines())) == 2
    assert _take(ada, bob) == 2
    back = User.objects.get(pk=ada.id)
    assert (back.username, back.is_active, back.absent) == ("ada", True, False)


@pytest.mark.django_db(transaction=True)
def test_two_users_swap_names_when_a_snapshot_says_so() -> None:
    ada, bob = _user("ada"), _user("bob")
    _take(ada, bob)
    _take(msgspec.structs.replace(ada, username="bob"), msgspec.structs.replace(bob, username="ada"))
    assert User.objects.get(pk=ada.id).username == "bob"
    assert User.objects.get(pk=bob.id).username == "ada"


@pytest.mark.django_db(transaction=True)
def test_nothing_is_entered_when_a_snapshot_has_one_name_twice() -> None:
    _take(_user("ada"))
    with pytest.raises(IntegrityError, match="users_username_unique"):
        _take(_user("bob"), _user("bob"))
    assert User.objects.get().username == "ada"


@pytest.mark.django_db(transaction=True)
def test_trigger_is_back_when_the_import_is_over() -> None:
    ada = _user("ada")
    with transaction.atomic():
        UsersReceiver().apply_snapshot([ada], import_batch_id=BATCH, at=AT)
        with pytest.raises(DatabaseError, match="read-only"), transaction.atomic():
            User.objects.update(full_name="x")
    with pytest.raises(DatabaseError, match="read-only"):
        User.objects.update(full_name="x")
    with pytest.raises(ZeroDivisionError), transaction.atomic(), replica_import():
        1 / 0  # noqa: B018
    with pytest.raises(DatabaseError, match="read-only"):
        User.objects.update(full_name="x")
    with pytest.raises(RuntimeError, match="transaction"), replica_import():
        pass
    assert User.objects.get().full_name == "Ada"


def test_tokens_keep_their_user_when_the_user_changes() -> None:
    ada = _user("ada")
    _take(ada)
    issue_tokens(user=User.objects.get())
    assert _take(msgspec.structs.replace(ada, full_name="Ada L.")) == 1
    assert _take() == 1


def _profile(name: str, **changes: Any) -> records.ProfileType:
    fields: dict[str, Any] = {
        "id": new_id(),
        "name": name,
        "rate_limit_per_minute": 10,
        "rate_limit_per_hour": 100,
        "rate_limit_per_day": 500,
        "priority": 5,
        "soft_limit_percent": 80,
        "max_size": 1000,
        "indices": ["contracts"],
    }
    return records.ProfileType(**{**fields, **changes})


def _take_profiles(*coming: records.ProfileType) -> int:
    with transaction.atomic():
        return ProfileTypesReceiver().apply_snapshot(list(coming), import_batch_id=BATCH, at=AT)


def test_profiles_become_those_of_the_snapshot_when_users_have_other_ones() -> None:
    seed_profiles()
    _take(_user("ada", profile_type="basic"))
    gold, basic = _profile("gold"), _profile("basic", priority=7)
    assert _take_profiles(gold, basic) == 6
    assert dict(ProfileType.objects.values_list("name", "priority")) == {"gold": 5, "basic": 7}
    assert _take_profiles(gold, basic) == 0
    swapped = [msgspec.structs.replace(gold, name="basic"), msgspec.structs.replace(basic, name="gold")]
    assert _take_profiles(*swapped) == 2
    assert ProfileType.objects.get(pk=gold.id).name == "basic"
    assert _take_profiles() == 2
    assert User.objects.get().profile_type_id == "basic"
