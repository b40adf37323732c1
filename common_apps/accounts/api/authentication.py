"""Who asks: a bearer token of this site, or an API key. Each costs one query."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken
from rest_framework_simplejwt.tokens import Token

from common_apps.accounts.models import ApiKey, User
from common_apps.accounts.services.api_keys import touch_api_key
from common_apps.accounts.services.tokens import fits_user
from common_apps.core import clock

KEYWORD = "Api-Key"


class TokenAuthentication(JWTAuthentication):
    """`Authorization: Bearer <jwt>`: of this site, of an active user, made since the last password change."""

    def get_user(self, validated_token: Token) -> Any:
        """The token's user, in one query; InvalidToken when it is none, inactive, or has another password by now."""
        try:
            # A constant statement: every call of the API comes by here, and building it costs more than running it.
            user = User.objects.raw("SELECT * FROM users WHERE id = %s", [UUID(str(validated_token.get("sub")))])[0]
        except (ValueError, IndexError) as error:
            raise InvalidToken("unknown user") from error
        if not user.is_active or not fits_user(validated_token, user):
            raise InvalidToken("user inactive, or password changed")
        return user


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Api-Key <prefix.secret>`, or the same in `X-API-Key`; `request.auth` is the ApiKey."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        """(user, key); None when no key is given; AuthenticationFailed when it is not good."""
        presented = self._presented(request)
        if presented is None:
            return None
        prefix, _, secret = presented.partition(".")
        key = ApiKey.objects.select_related("user").filter(prefix=prefix[:16].replace("\0", "")).first()
        # An unknown prefix, a wrong secret, a revoked key and an inactive user get one answer.
        if key is None or not key.matches(secret) or not key.is_usable(clock.now()):
            raise AuthenticationFailed("The API key is not known here, expired or revoked; ask for a new one.")
        touch_api_key(key=key)
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for."""
        return f'{KEYWORD} realm="airferry"'

    @staticmethod
    def _presented(request: Request) -> str | None:
        scheme, _, value = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() == KEYWORD.lower():
            return value.strip()
        header: Any = request.META.get("HTTP_X_API_KEY")
        return header.strip() if header else None
