"""auth/api-keys/: one's own API keys."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.generics import get_object_or_404
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common_apps.accounts.api.permissions import NotByKey, user_of
from common_apps.accounts.api.serializers import (
    ApiKeyPageSerializer,
    ApiKeySecretSerializer,
    ApiKeySerializer,
    NewApiKeySerializer,
)
from common_apps.accounts.models import ApiKey
from common_apps.accounts.services.api_keys import create_api_key, revoke_api_key, rotate_api_key
from common_apps.audit.actors import actor_of
from common_apps.core.api.paging import CursorPages
from common_apps.core.api.schema import PAGE_PARAMETERS, problems

# A key makes no keys: only a token is asked for.
_TOKEN: Any = [{"token": []}]


class _Keys(APIView):
    permission_classes = [IsAuthenticated, NotByKey]


class ApiKeysView(_Keys):
    """The keys of whoever asks."""

    @extend_schema(
        tags=["auth"],
        operation_id="list_api_keys",
        summary="Your API keys",
        auth=_TOKEN,
        parameters=PAGE_PARAMETERS,
        responses={200: ApiKeyPageSerializer},
    )
    def get(self, request: Request) -> Response:
        """A page of keys, revoked ones too, newest first."""
        pages = CursorPages()
        page = pages.paginate_queryset(ApiKey.objects.filter(user=user_of(request)), request, self)
        return pages.get_paginated_response(ApiKeySerializer(page, many=True).data)

    @extend_schema(
        tags=["auth"],
        operation_id="create_api_key",
        summary="Make an API key",
        auth=_TOKEN,
        request=NewApiKeySerializer,
        responses={201: ApiKeySecretSerializer},
    )
    def post(self, request: Request) -> Response:
        """201 with the new key and, this once, its secret."""
        serializer = NewApiKeySerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        key, secret = create_api_key(user=user_of(request), actor=actor_of(request), **serializer.validated_data)
        return _with_secret(key, secret, 201)


class ApiKeyView(_Keys):
    """One key."""

    @extend_schema(
        tags=["auth"], operation_id="revoke_api_key", summary="Revoke an API key", auth=_TOKEN, responses={204: None}
    )
    def delete(self, request: Request, key_id: UUID) -> Response:
        """204: the key is revoked at once; its row stays for the audit."""
        revoke_api_key(key=_own_key(request, key_id), actor=actor_of(request))
        return Response(status=204)


class RotateApiKeyView(_Keys):
    """A new secret for a key."""

    @extend_schema(
        tags=["auth"],
        operation_id="rotate_api_key",
        summary="Give an API key a new secret",
        auth=_TOKEN,
        request=None,
        responses={200: ApiKeySecretSerializer, **problems("conflict")},
    )
    def post(self, request: Request, key_id: UUID) -> Response:
        """200 with the key and, this once, its new secret; the old one ends at once."""
        key, secret = rotate_api_key(key=_own_key(request, key_id), actor=actor_of(request))
        return _with_secret(key, secret, 200)


def _own_key(request: Request, key_id: UUID) -> ApiKey:
    return get_object_or_404(ApiKey.objects.filter(user=user_of(request)), pk=key_id)


def _with_secret(key: ApiKey, secret: str, status: int) -> Response:
    body = {**ApiKeySerializer(key).data, "key": secret}
    return Response(body, status=status, headers={"Cache-Control": "no-store"})
