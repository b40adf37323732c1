"""Alerts by API: read, and acknowledged."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common_apps.audit.actors import actor_of
from common_apps.core.api.paging import CursorPages
from common_apps.core.errors import DomainError, FieldFault
from common_apps.operations.api.serializers import AlertSerializer
from common_apps.operations.models import Alert
from common_apps.operations.selectors import STATES, alerts_in, describe_alert
from common_apps.operations.services.alerts import acknowledge_alert
from common_apps.transfer.api.permissions import MayCarry


class AlertPages(CursorPages):
    """By the time of the first raise, which doesn't change while somebody pages."""

    ordering = ("-raised_at", "-id")


class AlertsView(ListAPIView[Any]):
    """GET admin/alerts/"""

    permission_classes = [MayCarry]
    required_permission = "operations.view_alert"
    filter_backends: list[Any] = []
    pagination_class = AlertPages
    serializer_class = AlertSerializer

    @extend_schema(parameters=[OpenApiParameter("state", enum=STATES, description="default: all")])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """What the operators have to know of, the newest first; ?state=open is what nobody has seen yet."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Alert]:
        """Those of ?state=."""
        state = self.request.query_params.get("state")
        if state is not None and state not in STATES:
            raise DomainError(
                "validation_failed",
                f"state is one of {', '.join(STATES)}.",
                errors=[FieldFault("/state", "invalid_choice", f"{state!r} is none of them")],
            )
        return alerts_in(state)

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A page."""
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response([describe_alert(alert) for alert in page])


class AcknowledgeView(APIView):
    """POST admin/alerts/{id}/acknowledge/"""

    permission_classes = [MayCarry]
    required_permission = "operations.acknowledge_alert"

    @extend_schema(request=None, responses={200: AlertSerializer})
    def post(self, request: Request, alert_id: UUID) -> Response:
        """Somebody has seen it: an event is over with that, a state of things lasts on."""
        alert = acknowledge_alert(alert_id=alert_id, actor=actor_of(request._request))
        return Response(describe_alert(alert))
