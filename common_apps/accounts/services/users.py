"""Users: made, changed, given passwords, deactivated. On the master alone; each change and its audit row are one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict, Unpack

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import connection, transaction

from common_apps.accounts.choices import Role
from common_apps.accounts.mastership import require_master
from common_apps.accounts.models import ProfileType, User
from common_apps.accounts.services.limits import apply_limits, faults_in_overrides
from common_apps.accounts.services.profile_types import seed_profile_types
from common_apps.accounts.services.validation import check_model, names_are_unique, password_faults
from common_apps.audit.actors import Actor
from common_apps.audit.services import record
from common_apps.core import clock
from common_apps.core.errors import DomainError, FieldFault

# Whoever makes, demotes or deactivates an admin holds this until commit: two must not each spare the other.
_ADMINS_LOCK = 0x61_64_6D_69_6E


class UserFields(TypedDict, total=False):
    """What a user has besides name and password."""

    email: str
    full_name: str
    role: str
    profile_type: str
    overrides: dict[str, Any]
    is_active: bool


class UserChanges(UserFields, total=False):
    """What can be changed of a user; passwords have a service of their own."""

    username: str


def create_user(*, username: str, password: str | None, actor: Actor, **fields: Unpack[UserFields]) -> User:
    """A new user; without a password one who can't log in, only use API keys.

    Raises DomainError ``validation_failed``, ``conflict`` (the name is taken) or ``replica_read_only``.
    """
    require_master()
    user = User(username=username)
    with _unique_username(username):
        _fill(user, fields)
        user.password = make_password(None)
        check_model(user, faults=faults_in_overrides(user.overrides))
        if password is not None:
            user.password = _hash(password, user)
        user.save(force_insert=True)
        _record("user.created", user, actor, {"username": username, **fields})
    return user


def change_user(*, user: User, actor: Actor, **changes: Unpack[UserChanges]) -> User:
    """Changes what is named, and the limits with it. Errors: create_user's, and ``conflict`` for the last admin."""
    require_master()
    with _unique_username(changes.get("username", user.username)):
        _hold_admins()
        ours = User.objects.select_for_update().get(pk=user.pk)
        was_admin = _is_working_admin(ours)
        _fill(ours, changes)
        check_model(ours, faults=faults_in_overrides(ours.overrides))
        if ours.is_active:
            ours.deleted_at = None
        ours.save()
        _require_an_admin(was_admin)
        _record("user.changed", ours, actor, dict(changes))
    user.refresh_from_db()
    return user


def set_password(*, user: User, password: str, actor: Actor) -> User:
    """A new password; tokens and sessions of the old one end. ``validation_failed`` when it is too weak."""
    require_master()
    with transaction.atomic():
        ours = User.objects.select_for_update().get(pk=user.pk)
        ours.password = _hash(password, ours)
        ours.save(update_fields=["password", "updated_at"])
        _record("user.password_set", ours, actor, {})
    user.password = ours.password
    return user


def deactivate_user(*, user: User, actor: Actor) -> User:
    """Lets the user in no more, at once here, after a carry there. ``conflict`` for the last admin."""
    return change_user(user=user, actor=actor, is_active=False)


def delete_user(*, user: User, actor: Actor) -> User:
    """Deactivated for good: the row stays, since requests and audit name it. ``conflict`` for the last admin."""
    require_master()
    with transaction.atomic():
        _hold_admins()
        ours = User.objects.select_for_update().get(pk=user.pk)
        was_admin = _is_working_admin(ours)
        ours.is_active, ours.deleted_at = False, ours.deleted_at or clock.now()
        ours.save(update_fields=["is_active", "deleted_at", "updated_at"])
        _require_an_admin(was_admin)
        _record("user.deleted", ours, actor, {})
    user.refresh_from_db()
    return user


def create_first_admin(*, username: str, email: str, password: str, another: bool = False, actor: Actor) -> User:
    """The admin of both sites, with the profile ``admin``. ``conflict`` when there is one, unless ``another``."""
    require_master()
    with transaction.atomic():
        _hold_admins()
        if not another and User.objects.filter(role=Role.ADMIN, deleted_at=None).exists():
            raise DomainError("conflict", "There is an admin already; say --another to make one more.")
        seed_profile_types(actor=actor)
        return create_user(
            username=username, email=email, password=password, role=Role.ADMIN, profile_type="admin", actor=actor
        )


def _fill(user: User, changes: Mapping[str, Any]) -> None:
    """Sets the fields and what follows from them. Locks the profile, so that its change and ours don't cross."""
    for name, value in changes.items():
        setattr(user, "profile_type_id" if name == "profile_type" else name, value)
    profile = ProfileType.objects.select_for_update().filter(name=user.profile_type_id).first()
    if profile is None:
        names = ", ".join(ProfileType.objects.values_list("name", flat=True)) or "none yet: run setup"
        fault = FieldFault("/profile_type", "unknown_profile_type", f"Not a profile type. There are: {names}.")
        raise DomainError("validation_failed", "Not saved; each fault is named in errors.", errors=[fault])
    if not faults_in_overrides(user.overrides):
        apply_limits(user=user, profile=profile)


def _hash(password: str, user: User) -> str:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise password_faults(error) from error
    return make_password(password)


def _unique_username(username: str) -> Any:
    return names_are_unique("users_username_unique", f"The user name {username!r} is taken; choose another.")


def _hold_admins() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ADMINS_LOCK])


def _is_working_admin(user: User) -> bool:
    return user.is_active and user.role == Role.ADMIN


def _require_an_admin(was_admin: bool) -> None:
    if was_admin and not User.objects.filter(role=Role.ADMIN, is_active=True).exists():
        raise DomainError("conflict", "This is the last admin who can log in; make another one first.")


def _record(action: str, user: User, actor: Actor, data: dict[str, Any]) -> None:
    record(action=action, actor=actor, resource_type="user", resource_id=str(user.pk), data=data)
