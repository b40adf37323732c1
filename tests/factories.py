"""Makes users and profile types under both sites: by the services on the master, by the import on the replica."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.hashers import PBKDF2PasswordHasher, make_password
from django.db import transaction

from common_apps.accounts.mastership import is_master, replica_import
from common_apps.accounts.models import ProfileType, User
from common_apps.accounts.services.limits import apply_limits
from common_apps.accounts.services.profile_types import DEFAULTS, seed_profile_types
from common_apps.accounts.streams import USER_FIELDS, enter_users
from common_apps.audit.actors import SYSTEM
from common_apps.core import clock
from common_apps.transfer.bundle import records


def seed_profiles() -> None:
    """The four default profile types, as setup or the first carry would bring them; again is no harm."""
    if is_master():
        seed_profile_types(actor=SYSTEM)
        return
    with transaction.atomic(), replica_import():
        for name, (minute, hour, day, priority) in DEFAULTS.items():
            ProfileType.objects.get_or_create(
                name=name,
                defaults={
                    "rate_limit_per_minute": minute,
                    "rate_limit_per_hour": hour,
                    "rate_limit_per_day": day,
                    "priority": priority,
                },
            )


def make_user(
    username: str = "ada",
    role: str = "user",
    profile_type: str = "basic",
    password: str | None = None,
    **changes: Any,
) -> User:
    """A user with the profile's limits; ``changes`` are fields of the model (``is_active=False``, ``overrides={..}``).

    The password is hashed with a single round, so that tests don't wait for a real hash.
    """
    seed_profiles()
    user = User(username=username, role=role, profile_type_id=profile_type, **changes)
    apply_limits(user=user, profile=ProfileType.objects.get(name=profile_type))
    for name in changes:
        setattr(user, name, changes[name])
    hasher = PBKDF2PasswordHasher()
    user.password = hasher.encode(password, hasher.salt(), iterations=1) if password else make_password(None)
    if is_master():
        user.save(force_insert=True)
    else:
        record = records.User(**{wire: getattr(user, attribute) for wire, attribute in USER_FIELDS.items()})
        with transaction.atomic():
            enter_users([record], at=clock.now())
    return User.objects.get(pk=user.pk)
