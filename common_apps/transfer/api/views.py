"""The carry by API: runs are enqueued for the host that has the folders; lists are read here."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from common_apps.core.errors import DomainError, FieldFault
from common_apps.transfer.api.actors import acting
from common_apps.transfer.api.permissions import MayCarry
from common_apps.transfer.api.serializers import (
    ExportBatchSerializer,
    ExportRequestSerializer,
    ImportBatchSerializer,
    TaskSerializer,
)
from common_apps.transfer.errors import UnknownStreamError
from common_apps.transfer.models import ExportBatch, ImportBatch
from common_apps.transfer.services import sent_streams
from common_apps.transfer.tasks import export, import_scan

_DIRECTIONS = ("export", "import")


class ExportView(APIView):
    """POST admin/exports/{stream}/"""

    permission_classes = [MayCarry]
    required_permission = "transfer.export_bundles"

    @extend_schema(request=ExportRequestSerializer, responses={202: TaskSerializer})
    def post(self, request: Request, stream: str) -> Response:
        """Writes the stream's bundles now, on the host that has EXPORT_DIR; an unknown stream is 404."""
        if stream not in sent_streams():
            raise UnknownStreamError(stream, sent_streams())
        body = ExportRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        task = export.delay(streams=[stream], full=body.validated_data["full"], actor=acting(request))
        return Response({"task_id": task.id}, status=202)


class ImportView(APIView):
    """POST admin/imports/"""

    permission_classes = [MayCarry]
    required_permission = "transfer.import_bundles"

    @extend_schema(request=None, responses={202: TaskSerializer})
    def post(self, request: Request) -> Response:
        """Scans IMPORT_DIR now, on the host that has it."""
        task = import_scan.delay(actor=acting(request))
        return Response({"task_id": task.id}, status=202)


class BatchesView(ListAPIView[Any]):
    """GET admin/batches/"""

    permission_classes = [MayCarry]
    required_permission = "transfer.view_exportbatch"
    filter_backends: list[Any] = []

    @extend_schema(
        parameters=[
            OpenApiParameter("direction", enum=_DIRECTIONS, description="default: export"),
            OpenApiParameter("stream"),
            OpenApiParameter("status"),
        ]
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Bundles written (export) or met (import), the newest first."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Any]:
        """Those of the direction, narrowed by ?stream= and ?status=."""
        asked = self.request.query_params
        model = ImportBatch if self._direction() == "import" else ExportBatch
        narrowed = {"batch_type": asked.get("stream"), "status": asked.get("status")}
        return model.objects.filter(**{name: value for name, value in narrowed.items() if value})

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        """That of the direction."""
        return ImportBatchSerializer if self._direction() == "import" else ExportBatchSerializer

    def _direction(self) -> str:
        direction = self.request.query_params.get("direction", "export")
        if direction not in _DIRECTIONS:
            raise DomainError(
                "validation_failed",
                "direction is export or import.",
                errors=[FieldFault("/direction", "invalid_choice", f"{direction!r} is neither export nor import")],
            )
        return direction
