"""Checks passwords without writing: login works on the replica, too."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.hashers import check_password, make_password
from django.http import HttpRequest

from common_apps.accounts.models import User


class AccountsBackend(BaseBackend):
    """User name and password against ``users``; permissions come from the role's map (User.has_perm)."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        """The active user whose password this is, else None, after the same work either way."""
        if username is None or password is None:
            return None
        user = User.objects.filter(username=username).first()
        if user is None:
            make_password(password)  # as long as a real check, so that time tells nothing
            return None
        # The function, not the method: the method would write an upgraded hash.
        if check_password(password, user.password) and user.is_active:
            return user
        return None

    def get_user(self, user_id: UUID) -> User | None:
        """The active user of a session."""
        return User.objects.filter(pk=user_id, is_active=True).first()
