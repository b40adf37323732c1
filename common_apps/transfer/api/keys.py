"""Keys by API: public facts for whoever is on duty, changes for admins with a token."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common_apps.audit.actors import Actor, actor_of
from common_apps.core.errors import DomainError
from common_apps.transfer.api.permissions import MayCarry
from common_apps.transfer.keys import Kem, KeyFolderError
from common_apps.transfer.services.key_changes import (
    confirm_signing_key,
    revoke_signing_key,
    rotate_box_key,
    rotate_signing_key,
)
from common_apps.transfer.services.key_listing import list_keys


class KeySerializer(serializers.Serializer[Any]):
    """A key's public facts; ``words`` are those of a signing key."""

    site = serializers.CharField()
    use = serializers.ChoiceField(choices=["signing", "box"])
    version = serializers.CharField(allow_blank=True)
    status = serializers.CharField()
    kem = serializers.CharField(allow_blank=True)
    fingerprint = serializers.CharField(help_text="SHA-256 of the raw public key, hex")
    created_at = serializers.CharField(allow_blank=True)
    words = serializers.CharField(allow_blank=True)


class KeysSerializer(serializers.Serializer[Any]):
    """All keys: few, so they come on one page."""

    results = KeySerializer(many=True)


class RotateSerializer(serializers.Serializer[Any]):
    """``kem``: of a box key; by default that of the present one."""

    use = serializers.ChoiceField(choices=["signing", "box"], default="box")
    kem = serializers.ChoiceField(choices=[kem.value for kem in Kem], required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A signing key has no kem."""
        if attrs["use"] == "signing" and "kem" in attrs:
            raise serializers.ValidationError({"kem": "A signing key has none."})
        return attrs


class FingerprintSerializer(serializers.Serializer[Any]):
    """A signing key of the other site."""

    fingerprint = serializers.RegexField(r"^[0-9a-fA-F]{64}\Z")


class MayChangeKeys(BasePermission):
    """Admins with a token: no scope of an API key reaches so far."""

    message = "Only an admin, with a token, changes keys."

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether it is one."""
        user = request.user
        by_key = hasattr(request.auth, "scopes")
        return bool(user and user.is_authenticated and not by_key and user.has_perm("transfer.change_keys"))


class KeysView(APIView):
    """GET admin/keys/"""

    permission_classes = [MayCarry]
    required_permission = "transfer.view_leavingkey"

    @extend_schema(responses=KeysSerializer)
    def get(self, request: Request) -> Response:
        """Own keys, the other site's, and what it has announced."""
        return _listed()


class _ChangeView(APIView):
    permission_classes = [MayChangeKeys]
    body: type[serializers.Serializer[Any]]

    def perform(self, said: dict[str, Any], actor: Actor) -> object:
        """The service."""
        raise NotImplementedError

    def change(self, request: Request) -> Response:
        """Reads the body, does it, and answers with all keys."""
        body = self.body(data=request.data)
        body.is_valid(raise_exception=True)
        with _told():
            self.perform(body.validated_data, actor_of(request._request))
        return _listed()


class RotateKeyView(_ChangeView):
    """POST admin/keys/rotate/"""

    body = RotateSerializer

    @extend_schema(request=RotateSerializer, responses=KeysSerializer)
    def post(self, request: Request) -> Response:
        """Makes a new box or signing key; the next holdings announce it."""
        return self.change(request)

    def perform(self, said: dict[str, Any], actor: Actor) -> object:
        """Of the one or the other use."""
        if said["use"] == "signing":
            return rotate_signing_key(actor=actor)
        return rotate_box_key(actor=actor, kem=Kem(said["kem"]) if "kem" in said else None)


class ConfirmKeyView(_ChangeView):
    """POST admin/keys/confirm/"""

    body = FingerprintSerializer

    @extend_schema(request=FingerprintSerializer, responses=KeysSerializer)
    def post(self, request: Request) -> Response:
        """Believes a signing key that the other site has announced, its words having been compared."""
        return self.change(request)

    def perform(self, said: dict[str, Any], actor: Actor) -> object:
        """The service."""
        confirm_signing_key(fingerprint=said["fingerprint"], actor=actor)
        return None


class RevokeKeyView(_ChangeView):
    """POST admin/keys/revoke/"""

    body = FingerprintSerializer

    @extend_schema(request=FingerprintSerializer, responses=KeysSerializer)
    def post(self, request: Request) -> Response:
        """Never again believes a signing key of the other site."""
        return self.change(request)

    def perform(self, said: dict[str, Any], actor: Actor) -> object:
        """The service."""
        revoke_signing_key(fingerprint=said["fingerprint"], actor=actor)
        return None


def _listed() -> Response:
    with _told():
        return Response({"results": list_keys()})


@contextmanager
def _told() -> Iterator[None]:
    """What is wrong with the folder is a conflict with the state of things, not of the request."""
    try:
        yield
    except KeyFolderError as error:
        raise DomainError("conflict", str(error)) from error
