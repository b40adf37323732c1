"""Users and profile types on their master."""

from typing import Any

import pytest
from django.db import transaction

from common_apps.accounts.models import ProfileType, User
from common_apps.accounts.services.profile_types import (
    change_profile_type,
    create_profile_type,
    delete_profile_type,
    seed_profile_types,
)
from common_apps.accounts.services.users import (
    change_user,
    create_first_admin,
    create_user,
    deactivate_user,
    delete_user,
    set_password,
)
from common_apps.accounts.streams import UsersSender
from common_apps.audit.actors import SYSTEM, Actor
from common_apps.audit.models import AuditLog
from common_apps.core import clock
from common_apps.core.errors import DomainError
from tests.factories import make_user, seed_profiles

pytestmark = pytest.mark.django_db

PASSWORD = "Correct-horse-battery-7"


@pytest.fixture(autouse=True)
def _profiles() -> None:
    seed_profiles()


def _limits(user: User) -> tuple[int, int, int, int]:
    user.refresh_from_db()
    return (user.rate_limit_per_minute, user.rate_limit_per_hour, user.rate_limit_per_day, user.priority)


def test_seeding_makes_the_four_defaults_and_leaves_edits_alone_when_repeated() -> None:
    rows = ProfileType.objects.values_list(
        "name", "rate_limit_per_minute", "rate_limit_per_hour", "rate_limit_per_day", "priority"
    )
    assert sorted(rows) == [
        ("admin", 1000, 10000, 100000, 10),
        ("basic", 10, 100, 500, 5),
        ("enterprise", 100, 2000, 20000, 8),
        ("premium", 30, 500, 5000, 6),
    ]
    ProfileType.objects.filter(name="basic").update(priority=3)
    assert seed_profile_types(actor=SYSTEM) == []
    assert ProfileType.objects.get(name="basic").priority == 3


def test_create_user_takes_limits_from_profile_and_overrides_when_made() -> None:
    user = create_user(
        username="ada",
        password=PASSWORD,
        profile_type="premium",
        overrides={"priority": 9},
        actor=Actor(ip_address="192.0.2.1"),
    )
    assert _limits(user) == (30, 500, 5000, 9)
    assert user.check_password(PASSWORD)
    row = AuditLog.objects.get(action="user.created")
    assert (row.resource_id, row.ip_address) == (str(user.pk), "192.0.2.1")
    assert PASSWORD not in str(row.request_data)


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({"username": ""}, "validation_failed", "/username"),
        ({"username": " ada"}, "validation_failed", "/username"),
        ({"username": "a\x00b"}, "validation_failed", "/username"),
        ({"username": "a" * 101}, "validation_failed", "/username"),
        ({"email": "no address"}, "validation_failed", "/email"),
        ({"role": "king"}, "validation_failed", "/role"),
        ({"profile_type": "gold"}, "validation_failed", "/profile_type"),
        ({"password": "short"}, "validation_failed", "/password"),
        ({"overrides": {"priority": 11}}, "validation_failed", "/overrides/priority"),
        ({"overrides": {"priority": True}}, "validation_failed", "/overrides/priority"),
        ({"overrides": {"colour": 1}}, "validation_failed", "/overrides/colour"),
        ({"username": "taken"}, "conflict", None),
    ],
)
def test_create_user_names_the_fault_when_a_field_is_wrong(
    fields: dict[str, Any], code: str, pointer: str | None
) -> None:
    make_user("taken")
    with pytest.raises(DomainError) as caught:
        create_user(**{"username": "ada", "password": PASSWORD, "actor": SYSTEM, **fields})
    assert caught.value.code == code
    assert pointer is None or pointer in [fault.pointer for fault in caught.value.errors]
    assert list(User.objects.values_list("username", flat=True)) == ["taken"]
    assert not AuditLog.objects.filter(action="user.created").exists()


def test_change_of_profile_reaches_users_but_for_their_overrides() -> None:
    ada = make_user("ada")
    bob = make_user("bob", overrides={"rate_limit_per_minute": 99})
    eve = make_user("eve", profile_type="premium")
    profile = ProfileType.objects.get(name="basic")
    assert change_profile_type(profile=profile, rate_limit_per_minute=20, priority=4, actor=SYSTEM) == 2
    assert _limits(ada) == (20, 100, 500, 4)
    assert _limits(bob) == (99, 100, 500, 4)
    assert _limits(eve) == (30, 500, 5000, 6)


def test_change_of_profile_is_refused_when_a_limit_is_out_of_range() -> None:
    profile = ProfileType.objects.get(name="basic")
    with pytest.raises(DomainError) as caught:
        change_profile_type(profile=profile, priority=11, actor=SYSTEM)
    assert [fault.pointer for fault in caught.value.errors] == ["/priority"]
    assert ProfileType.objects.get(name="basic").priority == 5


def test_profile_goes_only_when_nobody_has_it() -> None:
    with pytest.raises(DomainError, match="exists"), transaction.atomic():
        create_profile_type(name="basic", actor=SYSTEM)
    gold = create_profile_type(name="gold", priority=7, actor=SYSTEM)
    ada = make_user("ada", profile_type="gold")
    with pytest.raises(DomainError, match="have this profile"):
        delete_profile_type(profile=gold, actor=SYSTEM)
    change_user(user=ada, profile_type="basic", actor=SYSTEM)
    assert _limits(ada) == (10, 100, 500, 5)
    delete_profile_type(profile=gold, actor=SYSTEM)
    assert not ProfileType.objects.filter(name="gold").exists()


def test_user_is_marked_dirty_when_a_replicated_column_changes_and_else_not() -> None:
    ada = make_user("ada")
    assert ada.dirty
    UsersSender().mark_exported(seq=7, at=clock.now())
    ada.refresh_from_db()
    assert (ada.dirty, ada.sent_seq) == (False, 7)
    User.objects.update(last_login=clock.now(), updated_at=clock.now(), synced_at=clock.now())
    assert not User.objects.get().dirty
    for change in ({"full_name": "Ada"}, {"is_active": False}, {"overrides": {"priority": 1}}, {"password": "x"}):
        UsersSender().mark_exported(seq=8, at=clock.now())
        User.objects.update(**change)
        assert User.objects.get().dirty, change


def test_last_admin_stays_when_deactivated_demoted_or_deleted() -> None:
    root = create_first_admin(username="root", email="root@example.org", password=PASSWORD, actor=SYSTEM)
    for attempt in (
        lambda: deactivate_user(user=root, actor=SYSTEM),
        lambda: change_user(user=root, role="user", actor=SYSTEM),
        lambda: delete_user(user=root, actor=SYSTEM),
    ):
        with pytest.raises(DomainError, match="last admin"):
            attempt()
    root.refresh_from_db()
    assert (root.is_active, root.role, root.profile_type_id) == (True, "admin", "admin")
    create_first_admin(username="second", email="", password=PASSWORD, another=True, actor=SYSTEM)
    gone = delete_user(user=root, actor=SYSTEM)
    assert gone.deleted_at is not None
    assert not gone.is_active


def test_set_password_refuses_a_weak_one_and_takes_a_strong_one() -> None:
    ada = make_user("ada", password=PASSWORD)
    for weak in ("short", "password1234", "123456789012"):
        with pytest.raises(DomainError, match="too weak"):
            set_password(user=ada, password=weak, actor=SYSTEM)
    set_password(user=ada, password="Another-horse-battery-8", actor=SYSTEM)
    assert User.objects.get().check_password("Another-horse-battery-8")
