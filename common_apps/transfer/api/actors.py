"""Who asks, as a task is told."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rest_framework.request import Request

from common_apps.audit.actors import actor_of


def acting(request: Request) -> dict[str, Any]:
    """The fields of audit's Actor, as JSON: a token's user is known to REST framework alone."""
    actor = actor_of(request._request)
    user_id = request.user.pk
    return asdict(actor) | {"user_id": str(user_id) if user_id else None}
