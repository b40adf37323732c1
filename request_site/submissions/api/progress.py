"""How far a request has come, and what its asker may still do about it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.urls import reverse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request as HttpRequest
from rest_framework.response import Response

from common_apps.audit.actors import actor_of
from common_apps.core.api.schema import problems
from common_apps.queries.api.asking import AskerView
from request_site.submissions.api.documents import request_document, timeline_document
from request_site.submissions.api.serializers import RequestSerializer, TimelineSerializer
from request_site.submissions.api.trace import trace_id
from request_site.submissions.choices import RequestStatus
from request_site.submissions.selectors import describe_timeline, get_request
from request_site.submissions.services import cancel_request, retry_request
from request_site.submissions.tasks import wake_exporter

_WHO: tuple[str, ...] = ("not_authenticated", "token_invalid", "permission_denied", "not_found")


class TimelineView(AskerView):
    """GET requests/{id}/timeline/"""

    @extend_schema(
        tags=["requests"],
        operation_id="get_timeline",
        summary="The eight hops of a request, what it waits for, and when its answer is expected",
        responses={200: TimelineSerializer, **problems(*_WHO)},
    )
    def get(self, request: HttpRequest, request_id: UUID) -> Response:
        """A hop that is ahead has no time. The estimate comes from past trips; null where there were too few."""
        found = get_request(user=self.asker(request), request_id=request_id)
        return Response(timeline_document(found, describe_timeline(found)))


class CancelView(AskerView):
    """POST requests/{id}/cancel/"""

    @extend_schema(
        tags=["requests"],
        operation_id="cancel_request",
        summary="Give a request up",
        request=None,
        responses={
            200: OpenApiResponse(RequestSerializer, description="cancelled for good: it had never left"),
            202: OpenApiResponse(RequestSerializer, description="the other site is asked; its answer decides"),
            **problems("conflict", "service_unavailable", *_WHO),
        },
    )
    def post(self, request: HttpRequest, request_id: UUID) -> Response:
        """200 when it is final, 202 when the other site has to be asked, 409 when there is an answer already."""
        found = cancel_request(user=self.asker(request), request_id=request_id, actor=actor_of(request))
        if found.status == RequestStatus.CANCELLED:
            return Response(request_document(found), status=200)
        transaction.on_commit(wake_exporter)
        return Response(request_document(found), status=202)


class RetryView(AskerView):
    """POST requests/{id}/retry/"""

    @extend_schema(
        tags=["requests"],
        operation_id="retry_request",
        summary="Ask again what failed or was cancelled",
        request=None,
        responses={
            201: OpenApiResponse(RequestSerializer, description="a new request; its metadata names the old: retry_of"),
            **problems("conflict", "validation_failed", "index_not_allowed", "service_unavailable", *_WHO),
        },
    )
    def post(self, request: HttpRequest, request_id: UUID) -> Response:
        """A new request, judged anew by what the asker may ask today."""
        stored = retry_request(
            user=self.asker(request), request_id=request_id, trace_id=trace_id(), actor=actor_of(request)
        )
        transaction.on_commit(wake_exporter)
        headers: dict[str, Any] = {"Location": reverse("request", args=[stored.pk])}
        return Response(request_document(stored), status=201, headers=headers)
