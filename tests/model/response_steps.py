"""What the response site's process can be told to do besides. Imported where Django is set up."""

from __future__ import annotations

from typing import Any

import msgspec

from common_apps.accounts.models import User
from common_apps.accounts.services.profile_types import seed_profile_types
from common_apps.accounts.services.users import change_user, create_user
from common_apps.audit.actors import SYSTEM
from common_apps.core import clock
from common_apps.queries.services import publish_index
from response_site.execution import tasks
from response_site.execution.services.claim import claim_batch
from response_site.execution.services.outcome import Answered
from response_site.execution.services.settle import settle_batch

_WORKER = "model"


def seed() -> None:
    """An index, an admin and some users."""
    # No broker listens: what waits is executed when the model says so.
    seed_profile_types(actor=SYSTEM)
    publish(revision=0)
    create_user(username="admin", password=None, role="admin", profile_type="admin", actor=SYSTEM)
    for name in ("ada", "ben", "cyd"):
        create_user(username=name, password=None, profile_type="basic", actor=SYSTEM)


def publish(revision: int) -> None:
    """The catalogue's one index, with a new title."""
    publish_index(
        name="contracts", title=f"Contracts {revision}", fields={"amount": "double"}, profile_types=None, actor=SYSTEM
    )


def execute(limit: int) -> list[str]:
    """Claims and settles, by the services and without an engine; the requests' ids. An answer names its request."""
    claims = claim_batch(worker=_WORKER, limit=limit, now=clock.now())
    outcomes: list[Any] = [
        (claim, None, Answered(msgspec.json.encode({"answer_to": str(claim.original_request_id)}), 1, 1))
        for claim in claims
    ]
    settle_batch(outcomes=outcomes, worker=_WORKER, execution_time_ms=1, now=clock.now())
    return [str(claim.original_request_id) for claim in claims]


def new_users(number: int, count: int) -> None:
    """So many more."""
    for each in range(count):
        create_user(username=f"user{number}_{each}", password=None, profile_type="basic", actor=SYSTEM)


def rename_user(which: int, number: int) -> None:
    """Another name for one of them."""
    user = _pick(which)
    change_user(user=user, actor=SYSTEM, username=f"renamed{number}")


def switch_user(which: int) -> None:
    """One who is active is so no more, or again."""
    user = _pick(which)
    change_user(user=user, actor=SYSTEM, is_active=not user.is_active)


def swap_names(one: int, other: int) -> None:
    """Two users change their names: each takes the other's."""
    first, second = _pick(one), _pick(other)
    if first.pk == second.pk:
        return
    names = first.username, second.username
    change_user(user=first, actor=SYSTEM, username=f"between-{first.pk}")
    change_user(user=second, actor=SYSTEM, username=names[0])
    change_user(user=first, actor=SYSTEM, username=names[1])


def _pick(which: int) -> User:
    """One who is not the admin."""
    users = list(User.objects.exclude(role="admin").order_by("id"))
    return users[which % len(users)]


tasks.wake_drains = lambda *, pending: 0

STEPS = {
    "seed": seed,
    "publish": publish,
    "execute": execute,
    "new_users": new_users,
    "rename_user": rename_user,
    "switch_user": switch_user,
    "swap_names": swap_names,
}
