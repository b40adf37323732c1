"""GET requests/{id}/result/."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponseBase, StreamingHttpResponse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request as HttpRequest
from rest_framework.response import Response

from common_apps.core.api.renderers import JsonRenderer
from common_apps.core.api.schema import problems
from common_apps.core.errors import DomainError
from common_apps.queries.api.asking import AskerView
from request_site.submissions.api.documents import answer_document
from request_site.submissions.api.hits import csv_lines, ndjson_lines
from request_site.submissions.api.negotiation import CsvRenderer, NdjsonRenderer, ResultNegotiation
from request_site.submissions.api.serializers import ResultSerializer
from request_site.submissions.choices import RequestStatus
from request_site.submissions.selectors import Answer, get_answer

_LINES = {"csv": csv_lines, "ndjson": ndjson_lines}


class ResultView(AskerView):
    """The answer of a request."""

    renderer_classes = [JsonRenderer, CsvRenderer, NdjsonRenderer]
    content_negotiation_class = ResultNegotiation

    @extend_schema(
        tags=["requests"],
        operation_id="get_result",
        summary="The answer of a request",
        parameters=[
            OpenApiParameter("format", enum=["json", "csv", "ndjson"], description="csv and ndjson give the hits alone")
        ],
        responses={
            (200, "application/json"): ResultSerializer,
            (200, "text/csv"): OpenApiResponse(str, description="the hits, RFC 4180 with a header line"),
            (200, "application/x-ndjson"): OpenApiResponse(str, description="the hits, one JSON object a line"),
            (202, "application/json"): OpenApiResponse(
                ResultSerializer, description="under way: `result` is null; ask again after Retry-After seconds"
            ),
            **problems(
                "validation_failed",
                "not_authenticated",
                "permission_denied",
                "not_found",
                "request_failed",
                "request_cancelled",
                "result_expired",
            ),
        },
    )
    def get(self, request: HttpRequest, request_id: UUID) -> HttpResponseBase:
        """200 with the result; 202 while it is under way; 409 with the reason where there will be none."""
        answer = get_answer(user=self.asker(request), request_id=request_id)
        if answer.status not in RequestStatus.final():
            return self._answer_json(answer, 202, {"Retry-After": str(settings.RESCAN_SECONDS)})
        _refuse_unless_readable(answer)
        # Errors have been raised: from here on the format is the one that was asked for.
        lines = _LINES.get(request.accepted_renderer.format)
        if lines is None or answer.result is None:
            return self._answer_json(answer, 200, {})
        renderer = request.accepted_renderer
        return StreamingHttpResponse(
            lines(answer.result),
            content_type=f"{renderer.media_type}; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{request_id}.{renderer.format}"'},
        )

    @staticmethod
    def _answer_json(answer: Answer, status: int, headers: dict[str, str]) -> Response:
        return Response(answer_document(answer), status=status, headers=headers, content_type="application/json")


def _refuse_unless_readable(answer: Answer) -> None:
    if answer.status == RequestStatus.CANCELLED:
        raise DomainError("request_cancelled", "The request was cancelled; it has no result.")
    if answer.status == RequestStatus.FAILED:
        reason: Any = answer.result
        if reason is None:
            reason = {"code": answer.error_code or None, "detail": answer.error_message or None}
        raise DomainError(
            "request_failed",
            answer.error_message or "The other site could not answer the request.",
            extra={"reason": reason},
        )
    if not answer.is_kept:
        raise DomainError("result_expired", "The result is no longer kept here; submit the request again.")
