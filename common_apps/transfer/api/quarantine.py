"""The quarantine by API: looked at here, decided on the host that has the folders."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common_apps.core.api.schema import problems
from common_apps.core.errors import DomainError
from common_apps.transfer.api.actors import acting
from common_apps.transfer.api.permissions import MayCarry
from common_apps.transfer.api.serializers import QuarantinedSerializer, TaskSerializer
from common_apps.transfer.models import ImportBatch
from common_apps.transfer.selectors import describe_quarantined, quarantined
from common_apps.transfer.services.overview import read_overview
from common_apps.transfer.services.previewing import preview_quarantined
from common_apps.transfer.services.quarantine import MOST_REASON, check_discard, check_import_again, check_release
from common_apps.transfer.tasks import give_up, judge_again, release


class CheckSerializer(serializers.Serializer[Any]):
    """A step of the order of trust."""

    name = serializers.CharField()
    verdict = serializers.CharField(help_text="`passed`, `not reached`, or the code of what is wrong")
    detail = serializers.CharField()


class ChangeSerializer(serializers.Serializer[Any]):
    """What applying would do to how many records, some of them by name."""

    what = serializers.CharField()
    count = serializers.IntegerField()
    names = serializers.ListField(child=serializers.CharField())


class PreviewSerializer(QuarantinedSerializer):
    """A file in quarantine and what is in it."""

    checks = CheckSerializer(many=True)
    signed_by = serializers.CharField()
    header = serializers.DictField(allow_null=True)
    record_count = serializers.IntegerField(allow_null=True)
    changes = ChangeSerializer(many=True)
    untold = serializers.CharField(help_text="why it can't be told what applying would do")


class ReasonSerializer(serializers.Serializer[Any]):
    """Why."""

    reason = serializers.CharField(max_length=MOST_REASON)


class MissingSerializer(serializers.Serializer[Any]):
    """What the other site says it has sent and has not come."""

    bundles = serializers.IntegerField()
    records = serializers.IntegerField()
    since = serializers.DateTimeField(allow_null=True)
    trips = serializers.ListField(child=serializers.CharField())


class StandingSerializer(serializers.Serializer[Any]):
    """Bundles of one sort."""

    bundles = serializers.IntegerField()
    records = serializers.IntegerField()
    since = serializers.DateTimeField(allow_null=True)
    codes = serializers.DictField(child=serializers.IntegerField(), source="by_code")


class OverviewSerializer(serializers.Serializer[Any]):
    """The carry at a glance."""

    missing = MissingSerializer()
    held_there = StandingSerializer()
    to_carry = StandingSerializer()
    on_their_way = StandingSerializer()
    quarantined = StandingSerializer()
    heard_at = serializers.DateTimeField(allow_null=True)


class QuarantineView(ListAPIView[Any]):
    """GET admin/quarantine/"""

    permission_classes = [MayCarry]
    required_permission = "transfer.view_importbatch"
    filter_backends: list[Any] = []
    serializer_class = QuarantinedSerializer

    def get_queryset(self) -> QuerySet[ImportBatch]:
        """What lies there."""
        return quarantined()

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A page, the newest first."""
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response([_without_path(describe_quarantined(row)) for row in page])


class QuarantinedView(APIView):
    """GET admin/quarantine/{id}/"""

    permission_classes = [MayCarry]
    required_permission = "transfer.view_importbatch"

    @extend_schema(responses={200: PreviewSerializer, **problems("not_found", "service_unavailable")})
    def get(self, request: Request, row_id: UUID) -> Response:
        """What it is, which checks it passes, and what applying it would do. Changes nothing; 503 where the file lies
        on another host than the one that answers.
        """
        preview = asdict(preview_quarantined(row_id))
        return Response(PreviewSerializer(_without_path(preview.pop("row")) | preview).data)


class ReleaseView(APIView):
    """POST admin/quarantine/{id}/release/"""

    permission_classes = [MayCarry]
    required_permission = "transfer.release_bundles"

    @extend_schema(request=None, responses={202: TaskSerializer, **problems("not_found", "conflict")})
    def post(self, request: Request, row_id: UUID) -> Response:
        """A held bundle is checked again and applied, on the host that has the quarantine; 409 where it isn't held."""
        check_release(_find(row_id))
        return _accepted(release.delay(row_id=str(row_id), actor=acting(request)))


class DiscardView(APIView):
    """POST admin/quarantine/{id}/discard/"""

    permission_classes = [MayCarry]
    required_permission = "transfer.release_bundles"

    @extend_schema(
        request=ReasonSerializer,
        responses={202: TaskSerializer, **problems("validation_failed", "not_found", "conflict")},
    )
    def post(self, request: Request, row_id: UUID) -> Response:
        """Its file goes; of a held one the other site is told."""
        body = ReasonSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        check_discard(_find(row_id))
        reason = body.validated_data["reason"]
        return _accepted(give_up.delay(row_id=str(row_id), reason=reason, actor=acting(request)))


class ImportAgainView(APIView):
    """POST admin/quarantine/{id}/import-again/"""

    permission_classes = [MayCarry]
    required_permission = "transfer.import_bundles"

    @extend_schema(request=None, responses={202: TaskSerializer, **problems("not_found", "conflict")})
    def post(self, request: Request, row_id: UUID) -> Response:
        """A file that is not held is judged again, as if it had just come; also one that waits, by its batch's id."""
        check_import_again(_find(row_id))
        return _accepted(judge_again.delay(row_id=str(row_id), actor=acting(request)))


class CarryView(APIView):
    """GET admin/carry/"""

    permission_classes = [MayCarry]
    required_permission = "transfer.view_importbatch"

    @extend_schema(responses={200: OverviewSerializer})
    def get(self, request: Request) -> Response:
        """What has not come, what the other site holds of ours, what waits to go, and what lies in quarantine here."""
        return Response(OverviewSerializer(read_overview()).data)


def _find(row_id: UUID) -> ImportBatch:
    row = ImportBatch.objects.filter(pk=row_id).first()
    if row is None:
        raise DomainError("not_found", f"There is no import batch {row_id}.")
    return row


def _accepted(task: Any) -> Response:
    return Response({"task_id": task.id}, status=202)


def _without_path(facts: dict[str, Any]) -> dict[str, Any]:
    """Where files lie on this host is nobody's matter outside."""
    return {name: value for name, value in facts.items() if name != "path"}
