"""The limits that count for a user: those of the profile type, unless overridden."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common_apps.accounts.models import ProfileType, User
from common_apps.core.errors import FieldFault

# Greatest value of each limit: PostgreSQL's integer for rates, 10 for the priority.
MOST = {
    "rate_limit_per_minute": 2**31 - 1,
    "rate_limit_per_hour": 2**31 - 1,
    "rate_limit_per_day": 2**31 - 1,
    "priority": 10,
}


def apply_limits(*, user: User, profile: ProfileType) -> bool:
    """Writes the effective limits into the (unsaved) user; whether one of them changed."""
    changed = False
    for name in MOST:
        effective = user.overrides.get(name, getattr(profile, name))
        if getattr(user, name) != effective:
            setattr(user, name, effective)
            changed = True
    return changed


def faults_in_overrides(overrides: Mapping[str, Any]) -> list[FieldFault]:
    """What is wrong with overrides: {limit's name: whole number from 1}."""
    faults = []
    for name, value in overrides.items():
        if name not in MOST:
            faults.append(
                FieldFault(f"/overrides/{name}", "unknown_field", f"Only {', '.join(MOST)} can be overridden.")
            )
        elif type(value) is not int or not 1 <= value <= MOST[name]:
            faults.append(FieldFault(f"/overrides/{name}", "invalid", f"A whole number from 1 to {MOST[name]}."))
    return faults
