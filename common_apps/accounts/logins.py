"""Logins, good and failed, in the audit log: from the admin and the API alike, by Django's signals."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.http import HttpRequest

from common_apps.accounts.models import User
from common_apps.audit.actors import Actor, actor_of
from common_apps.audit.services import record


def listen() -> None:
    """Connects the three signals; again is no harm."""
    user_logged_in.connect(_logged_in, dispatch_uid="airferry.logged_in")
    user_logged_out.connect(_logged_out, dispatch_uid="airferry.logged_out")
    user_login_failed.connect(_login_failed, dispatch_uid="airferry.login_failed")


def _logged_in(sender: Any, request: HttpRequest | None, user: User, **kwargs: Any) -> None:
    _record("auth.logged_in", request, user_id=user.pk, username=user.username)


def _logged_out(sender: Any, request: HttpRequest | None, user: User | None, **kwargs: Any) -> None:
    if user is not None:
        _record("auth.logged_out", request, user_id=user.pk, username=user.username)


def _login_failed(sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any) -> None:
    # The name as typed, cut: people type passwords there by mistake, and attackers type books.
    username = str(credentials.get("username") or "")[:100].replace("\0", "")
    _record("auth.login_failed", request, user_id=None, username=username)


def _record(action: str, request: HttpRequest | None, *, user_id: Any, username: str) -> None:
    asked_by = actor_of(request) if request is not None else Actor()
    record(
        action=action,
        actor=Actor(user_id=user_id, ip_address=asked_by.ip_address, user_agent=asked_by.user_agent),
        resource_type="user",
        resource_id=str(user_id or ""),
        data={"username": username},
    )
