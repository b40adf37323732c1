"""Profile types: seeded once, changed by admins; a change reaches every user of the profile."""

from __future__ import annotations

from typing import TypedDict, Unpack

from django.db import transaction
from django.db.models import ProtectedError

from common_apps.accounts.mastership import require_master
from common_apps.accounts.models import ProfileType, User
from common_apps.accounts.services.limits import MOST, apply_limits
from common_apps.accounts.services.validation import check_model, names_are_unique
from common_apps.audit.actors import Actor
from common_apps.audit.services import record
from common_apps.core import clock
from common_apps.core.errors import DomainError

# name: requests per minute, hour, day; priority
DEFAULTS = {
    "basic": (10, 100, 500, 5),
    "premium": (30, 500, 5_000, 6),
    "enterprise": (100, 2_000, 20_000, 8),
    "admin": (1_000, 10_000, 100_000, 10),
}
_CHUNK = 1000


class ProfileChanges(TypedDict, total=False):
    """What can be changed of a profile type. The name can't: users and whitelists know it by that."""

    rate_limit_per_minute: int
    rate_limit_per_hour: int
    rate_limit_per_day: int
    priority: int
    soft_limit_percent: int
    max_size: int


def seed_profile_types(*, actor: Actor) -> list[ProfileType]:
    """Makes those of the four defaults that are not there; never touches one that is. Returns the new ones."""
    require_master()
    made = []
    with transaction.atomic():
        for name, (minute, hour, day, priority) in DEFAULTS.items():
            profile, created = ProfileType.objects.get_or_create(
                name=name,
                defaults={
                    "rate_limit_per_minute": minute,
                    "rate_limit_per_hour": hour,
                    "rate_limit_per_day": day,
                    "priority": priority,
                },
            )
            if created:
                _record("profile_type.created", profile, actor, {})
                made.append(profile)
    return made


def create_profile_type(*, name: str, actor: Actor, **limits: Unpack[ProfileChanges]) -> ProfileType:
    """A new profile type. Raises DomainError ``validation_failed``, ``conflict`` or ``replica_read_only``."""
    require_master()
    profile = ProfileType(name=name, **limits)
    check_model(profile)
    with names_are_unique(None, f"A profile type named {name!r} exists; change that one, or choose another name."):
        profile.save(force_insert=True)
        _record("profile_type.created", profile, actor, dict(limits))
    return profile


def change_profile_type(*, profile: ProfileType, actor: Actor, **changes: Unpack[ProfileChanges]) -> int:
    """Changes a profile type and the effective limits of its users (overrides win); how many users changed."""
    require_master()
    with transaction.atomic():
        ours = ProfileType.objects.select_for_update().get(pk=profile.pk)
        for name, value in changes.items():
            setattr(ours, name, value)
        check_model(ours)
        ours.save()
        users = _recompute_users(ours)
        _record("profile_type.changed", ours, actor, {**changes, "users_changed": users})
    profile.refresh_from_db()
    return users


def delete_profile_type(*, profile: ProfileType, actor: Actor) -> None:
    """Takes out a profile type that nobody has; ``conflict`` when somebody does."""
    require_master()
    with transaction.atomic():
        ours = ProfileType.objects.select_for_update().get(pk=profile.pk)
        try:
            ours.delete()
        except ProtectedError as error:
            raise DomainError(
                "conflict", f"{len(error.protected_objects)} users have this profile; give them another one first."
            ) from error
        _record("profile_type.deleted", profile, actor, {})


def _recompute_users(profile: ProfileType) -> int:
    """In the order of their ids, so that two of these wait for each other instead of locking each other."""
    changed = []
    for user in User.objects.select_for_update().filter(profile_type=profile).order_by("id").iterator(_CHUNK):
        if apply_limits(user=user, profile=profile):
            user.updated_at = clock.now()
            changed.append(user)
    User.objects.bulk_update(changed, [*MOST, "updated_at"], batch_size=_CHUNK)
    return len(changed)


def _record(action: str, profile: ProfileType, actor: Actor, data: dict[str, object]) -> None:
    record(
        action=action,
        actor=actor,
        resource_type="profile_type",
        resource_id=str(profile.pk),
        data={"name": profile.name, **data},
    )
