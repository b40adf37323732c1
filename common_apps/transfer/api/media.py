"""The stick by API: what is on it, and the carry itself, which runs on the host that has the folders."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common_apps.audit.actors import actor_of
from common_apps.core.errors import DomainError
from common_apps.transfer.api.permissions import MayCarry
from common_apps.transfer.api.serializers import TaskSerializer
from common_apps.transfer.media.errors import StickError
from common_apps.transfer.media.stick import place_in
from common_apps.transfer.services.media_status import media_roots, media_status
from common_apps.transfer.tasks import sync_media

_LONGEST_WAIT_S = 3000


class SyncRequestSerializer(serializers.Serializer[Any]):
    """``path``: the stick, needed where several are plugged in. ``wait_s``: for answers to what has come, seconds.
    ``ours``: use it although nothing on it is of these two sites.
    """

    path = serializers.CharField(required=False, allow_null=True, max_length=4096)
    wait_s = serializers.FloatField(default=0, min_value=0, max_value=_LONGEST_WAIT_S)
    ours = serializers.BooleanField(default=False)


class StickStatusSerializer(serializers.Serializer[Any]):
    """What is on a stick, and what a carry would do. Sizes in bytes; ``free`` is null where the stick doesn't tell."""

    stick = serializers.CharField()
    free = serializers.IntegerField(allow_null=True)
    is_read_only = serializers.BooleanField()
    to_take = serializers.IntegerField()
    to_take_bytes = serializers.IntegerField()
    known = serializers.IntegerField()
    incomplete = serializers.IntegerField()
    to_go = serializers.IntegerField()
    to_go_bytes = serializers.IntegerField()
    there = serializers.IntegerField()
    torn = serializers.IntegerField()
    peer_trips = serializers.IntegerField()
    own_trips = serializers.IntegerField()


class MediaView(APIView):
    """GET admin/media/"""

    permission_classes = [MayCarry]
    required_permission = "transfer.view_carry"

    @extend_schema(
        parameters=[OpenApiParameter("path", description="the stick; default: the only one that is plugged in")],
        responses={200: StickStatusSerializer},
    )
    def get(self, request: Request) -> Response:
        """What is on the stick; 409 with a code and a cure where there is none, or which one is meant is not clear."""
        asked = request.query_params.get("path")
        try:
            found = media_status(path=Path(asked) if asked else None)
        except StickError as error:
            raise _problem(error) from error
        return Response(StickStatusSerializer(asdict(found)).data)


class MediaSyncView(APIView):
    """POST admin/media/sync/"""

    permission_classes = [MayCarry]
    required_permission = ("transfer.import_bundles", "transfer.export_bundles")

    @extend_schema(request=SyncRequestSerializer, responses={202: TaskSerializer})
    def post(self, request: Request) -> Response:
        """Takes what has come, imports it, and writes what has to go. A path outside the allowed folders is 409."""
        body = SyncRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        asked = body.validated_data.get("path")
        if asked:
            try:
                place_in(media_roots(), asked)
            except StickError as error:
                raise _problem(error) from error
        actor = actor_of(request._request)
        user_id = request.user.pk
        task = sync_media.delay(
            path=asked or None,
            wait_s=body.validated_data["wait_s"],
            ours=body.validated_data["ours"],
            actor=asdict(actor) | {"user_id": str(user_id) if user_id else None},
        )
        return Response({"task_id": task.id}, status=202)


def _problem(error: StickError) -> DomainError:
    return DomainError("conflict", str(error), extra={"stick_code": str(error.code)})
