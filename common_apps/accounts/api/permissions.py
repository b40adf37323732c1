"""Who may use a view: the role's map for everyone, and for API keys the key's scopes besides."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from common_apps.accounts.models import ApiKey, User


def user_of(request: Request) -> User:
    """The user who asks, behind a view that lets nobody else in. Raises NotAuthenticated for anyone unknown."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user


class RoleAllows(BasePermission):
    """The view names ``required_permission`` (``app.action``); the user's role must hold it."""

    message = "Your role does not allow this."

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether the role's map grants it."""
        return bool(request.user and request.user.is_authenticated and request.user.has_perm(view.required_permission))


class HasScope(BasePermission):
    """The view names ``read_scope`` and ``write_scope``; a key must carry it, a token needs none.

    A view without the scope in question takes no keys for it at all.
    """

    message = "The API key lacks the scope for this; make one that has it."

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether it is no key, or the key carries the scope."""
        if not isinstance(request.auth, ApiKey):
            return True
        scope = getattr(view, "read_scope" if request.method in SAFE_METHODS else "write_scope", None)
        return scope is not None and scope in request.auth.scopes


class NotByKey(BasePermission):
    """A person must ask, with a token: a key that leaked must not make others."""

    message = "An API key can't do this; ask with a token of auth/token/."

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether it is no key."""
        return not isinstance(request.auth, ApiKey)
