"""Who may run the carry by API: staff by their role, a key by its scope besides."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

SCOPE = "exports:run"


class MayCarry(BasePermission):
    """The view names ``required_permission``, one or several; the role must grant them, and an API key must carry
    ``exports:run``.
    """

    message = "Your role, or the API key's scopes, don't allow this."

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether both do."""
        user = request.user
        if not user or not user.is_authenticated or not user.has_perms(_all(view.required_permission)):
            return False
        # A token has no scopes; accounts' API key has a list of them.
        scopes = getattr(request.auth, "scopes", None)
        return scopes is None or SCOPE in scopes


def _all(required: str | tuple[str, ...]) -> list[str]:
    return [required] if isinstance(required, str) else list(required)
