"""Who did it, as an audit row tells."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest

from common_apps.core.addresses import client_address


@dataclass(frozen=True, slots=True)
class Actor:
    """A user (None: the site itself), from where, and with what."""

    user_id: UUID | None = None
    ip_address: str | None = None
    user_agent: str = ""


SYSTEM = Actor(user_agent="airferry")


def actor_of(request: HttpRequest) -> Actor:
    """The actor of a web request; anonymous ones have no user."""
    user = getattr(request, "user", None)
    return Actor(
        user_id=user.pk if user is not None and user.is_authenticated else None,
        ip_address=client_address(request),
        user_agent=request.META.get("HTTP_USER_AGENT", "")[:500],
    )
