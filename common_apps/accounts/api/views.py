"""auth/token/: passwords for tokens, and tokens for tokens. auth/me/: who asks."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import authenticate
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common_apps.accounts.api.permissions import user_of
from common_apps.accounts.api.serializers import (
    LoginSerializer,
    MeSerializer,
    RefreshSerializer,
    TokenPairSerializer,
)
from common_apps.accounts.lockout import check_address, locked_out_error
from common_apps.accounts.models import User
from common_apps.accounts.services.tokens import TokenPair, issue_tokens, refresh_tokens, revoke_token
from common_apps.audit.actors import actor_of
from common_apps.core.api.schema import problems


class _Anonymous(APIView):
    """Nobody needs to be known to ask for a token; a stale Authorization header must not get in the way."""

    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []

    def get_authenticate_header(self, request: Request) -> str:
        """Keeps a 401 a 401 where nothing authenticates."""
        return 'Bearer realm="airferry"'


class TokenView(_Anonymous):
    """User name and password -> tokens."""

    @extend_schema(
        tags=["auth"],
        operation_id="get_token",
        summary="User name and password for tokens",
        request=LoginSerializer,
        responses={200: TokenPairSerializer, **problems("not_authenticated", "rate_limited")},
    )
    def post(self, request: Request) -> Response:
        """{access, refresh, expires_in}; 401 for a wrong name or password alike, 429 for too many tries."""
        django_request = _plain(request)
        check_address(django_request)
        serializer = LoginSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        user = authenticate(django_request, **serializer.validated_data)
        if getattr(django_request, "axes_locked_out", False):
            raise locked_out_error()
        if user is None:
            raise AuthenticationFailed("No active user has this name and password.")
        pair = issue_tokens(user=user)
        user_logged_in.send(sender=User, request=django_request, user=user)
        return _answer(pair)


class RefreshView(_Anonymous):
    """A refresh token -> a new pair; each is good once."""

    @extend_schema(
        tags=["auth"],
        operation_id="refresh_token",
        summary="A refresh token for a new pair; it is good once",
        request=RefreshSerializer,
        responses={200: TokenPairSerializer, **problems("token_invalid", "rate_limited")},
    )
    def post(self, request: Request) -> Response:
        """{access, refresh, expires_in}; 401 ``token_invalid`` when used, revoked, expired or of another site."""
        django_request = _plain(request)
        check_address(django_request)
        serializer = RefreshSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return _answer(refresh_tokens(refresh=serializer.validated_data["refresh"], actor=actor_of(django_request)))


class RevokeView(_Anonymous):
    """Ends a refresh token: having it is all the right that it takes."""

    @extend_schema(
        tags=["auth"],
        operation_id="revoke_token",
        summary="End a refresh token",
        request=RefreshSerializer,
        responses={204: None, **problems("token_invalid", "rate_limited")},
    )
    def post(self, request: Request) -> Response:
        """204; 401 ``token_invalid`` for one that is no good any more."""
        django_request = _plain(request)
        check_address(django_request)
        serializer = RefreshSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        revoke_token(refresh=serializer.validated_data["refresh"], actor=actor_of(django_request))
        return Response(status=204)


class MeView(APIView):
    """Whoever asks."""

    @extend_schema(tags=["auth"], operation_id="get_me", summary="Who you are here", responses={200: MeSerializer})
    def get(self, request: Request) -> Response:
        """The user, the role and the limits that count."""
        return Response(MeSerializer(user_of(request)).data)


def _plain(request: Request) -> HttpRequest:
    """Django's request under REST framework's: axes leaves its marks there, where its middleware looks."""
    return request._request


def _answer(pair: TokenPair) -> Response:
    # RFC 6749, 5.1: no cache may keep a token.
    return Response(TokenPairSerializer(pair).data, headers={"Cache-Control": "no-store"})
