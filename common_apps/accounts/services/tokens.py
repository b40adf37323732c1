"""JWT: an access token of an hour and a refresh token that is good once (RFC 7519; rotation as in RFC 9700, 4.14.2)."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any, cast

from django.core.exceptions import ValidationError
from django.db import transaction
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken, Token
from rest_framework_simplejwt.utils import datetime_from_epoch

from common_apps.accounts.models import User
from common_apps.audit.actors import Actor
from common_apps.audit.services import record

# Ties a token to the password of its day, so that a new password ends the tokens of the old one.
PASSWORD_CLAIM = "pwd"  # noqa: S105


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a client gets: both tokens, and the seconds that the access token is good for."""

    access: str
    refresh: str
    expires_in: int


def issue_tokens(*, user: User) -> TokenPair:
    """A fresh pair for an active user. The table of outstanding tokens keeps the id alone: a token is a secret."""
    refresh = RefreshToken()
    refresh["sub"] = str(user.pk)
    refresh[PASSWORD_CLAIM] = _password_mark(user)
    OutstandingToken.objects.create(
        user=user,
        jti=refresh["jti"],
        token="",
        created_at=refresh.current_time,
        expires_at=datetime_from_epoch(refresh["exp"]),
    )
    return TokenPair(
        access=str(refresh.access_token),
        refresh=str(refresh),
        expires_in=int(api_settings.ACCESS_TOKEN_LIFETIME.total_seconds()),
    )


def refresh_tokens(*, refresh: str, actor: Actor) -> TokenPair:
    """A new pair for a refresh token, which is used up. Of two at once one gets a pair. Raises TokenError."""
    token = _read(refresh)
    with transaction.atomic():
        user = _user_of(token)
        if user is None or not user.is_active or not fits_user(token, user):
            raise TokenError("user unknown or inactive, or password changed")
        if not _use_up(token):
            raise TokenError("used already")
        pair = issue_tokens(user=user)
        record(action="auth.token_refreshed", actor=_as(actor, user), resource_type="user", resource_id=str(user.pk))
    return pair


def revoke_token(*, refresh: str, actor: Actor) -> None:
    """Ends a refresh token; its access tokens last out their hour. Raises TokenError for one that is not good."""
    token = _read(refresh)
    with transaction.atomic():
        if not _use_up(token):
            raise TokenError("revoked already")
        user = _user_of(token)
        record(
            action="auth.token_revoked",
            actor=_as(actor, user) if user else actor,
            resource_type="user",
            resource_id=str(token.get("sub", "")),
        )


def fits_user(token: Token, user: User) -> bool:
    """Whether the token was made for the password that the user has now."""
    return hmac.compare_digest(str(token.get(PASSWORD_CLAIM, "")), _password_mark(user))


def _read(refresh: str) -> RefreshToken:
    # The library annotates the encoded token as a Token; it takes the text.
    return RefreshToken(cast(Any, refresh))


def _user_of(token: Token) -> User | None:
    try:
        return User.objects.filter(pk=token.get("sub")).first()
    except (ValidationError, TypeError):
        return None


def _use_up(token: RefreshToken) -> bool:
    """False when somebody was faster: the row is locked, so of two one waits and sees the other's mark."""
    outstanding = OutstandingToken.objects.select_for_update(of=("self",)).filter(jti=token["jti"]).first()
    if outstanding is None:
        return False
    return BlacklistedToken.objects.get_or_create(token=outstanding)[1]


def _password_mark(user: User) -> str:
    key = str(api_settings.SIGNING_KEY).encode()
    return hmac.new(key, b"airferry/password\0" + user.password.encode(), hashlib.sha256).hexdigest()[:32]


def _as(actor: Actor, user: User) -> Actor:
    return Actor(user_id=user.pk, ip_address=actor.ip_address, user_agent=actor.user_agent)
