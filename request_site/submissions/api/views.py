"""The request API: submit, validate, list, look."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.urls import reverse
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request as HttpRequest
from rest_framework.response import Response

from common_apps.audit.actors import actor_of
from common_apps.core.api.problems import described_outage, problem_document
from common_apps.core.api.schema import PAGE_PARAMETERS, problems
from common_apps.core.errors import DomainError, FieldFault
from common_apps.core.outages import OUTAGES
from common_apps.queries.api.asking import AskerView
from common_apps.queries.kinds import all_kinds
from request_site.submissions.api.documents import request_document, submitted_document
from request_site.submissions.api.listing import ORDERINGS, RequestFilter, RequestPages
from request_site.submissions.api.serializers import (
    BulkSerializer,
    RequestPageSerializer,
    RequestSerializer,
    SubmissionSerializer,
    VerdictSerializer,
)
from request_site.submissions.api.trace import trace_id
from request_site.submissions.models import Request
from request_site.submissions.selectors import get_request
from request_site.submissions.services import MAX_KEY_LENGTH, check_key, submit_request, validate_request
from request_site.submissions.tasks import wake_exporter

MAX_BULK = 100

_WHO = ("not_authenticated", "token_invalid", "permission_denied")
_SUBMIT = (*_WHO, "malformed_json", "index_not_allowed", "payload_too_large", "unsupported_media_type")
_KEY = OpenApiParameter(
    "Idempotency-Key",
    location=OpenApiParameter.HEADER,
    description="the same key and body again gets the first answer, whatever got lost on the way",
)
_EXAMPLES = [
    OpenApiExample(
        f"{kind.name}: {example['title']}",
        value={"query_type": kind.name, "query_params": example["query_params"]},
        request_only=True,
    )
    for kind in all_kinds()
    for example in kind.examples[:1]
]


class RequestsView(AskerView):
    """The collection of requests."""

    @extend_schema(
        tags=["requests"],
        operation_id="list_requests",
        summary="Your requests, newest first; operators see all",
        parameters=[
            OpenApiParameter("status", enum=[status for status, _ in Request._meta.get_field("status").choices or []]),
            OpenApiParameter("query_type", enum=[kind.name for kind in all_kinds()]),
            OpenApiParameter("created_after", description="at or after this ISO 8601 time"),
            OpenApiParameter("created_before", description="before this ISO 8601 time"),
            OpenApiParameter("ordering", enum=list(ORDERINGS)),
            *PAGE_PARAMETERS,
        ],
        responses={200: RequestPageSerializer, **problems("validation_failed", *_WHO)},
    )
    def get(self, request: HttpRequest) -> Response:
        """A page: {next, previous, results}."""
        visible = Request.objects.visible_to(self.asker(request))
        chosen = RequestFilter(request.query_params, queryset=visible, request=request)
        if not chosen.is_valid():
            raise DomainError("validation_failed", "The query string has faults.", errors=_form_faults(chosen.errors))
        pages = RequestPages()
        page: list[Request] = pages.paginate_queryset(chosen.qs, request, view=self) or []
        return pages.get_paginated_response([request_document(row) for row in page])

    @extend_schema(
        tags=["requests"],
        operation_id="submit_request",
        summary="Submit a request",
        request=SubmissionSerializer,
        examples=_EXAMPLES,
        parameters=[_KEY],
        responses={
            201: OpenApiResponse(RequestSerializer, description="stored, pending; Location names it"),
            200: OpenApiResponse(RequestSerializer, description="a replay, Idempotency-Replayed: true"),
            **problems("validation_failed", "idempotency_mismatch", "service_unavailable", *_SUBMIT),
        },
    )
    def post(self, request: HttpRequest) -> Response:
        """Stores the request as pending; it leaves with the next carry."""
        stored, replayed = submit_request(
            user=self.asker(request),
            body=_body_of(request),
            trace_id=trace_id(),
            actor=actor_of(request),
            idempotency_key=request.headers.get("Idempotency-Key"),
        )
        headers = {"Location": reverse("request", args=[stored.pk])}
        if replayed:
            headers["Idempotency-Replayed"] = "true"
            return Response(submitted_document(stored), status=200, headers=headers)
        transaction.on_commit(wake_exporter)
        return Response(request_document(stored), status=201, headers=headers)


class BulkView(AskerView):
    """Many requests at once."""

    @extend_schema(
        tags=["requests"],
        operation_id="submit_bulk",
        summary=f"Submit up to {MAX_BULK} requests",
        request=SubmissionSerializer(many=True),
        parameters=[_KEY],
        responses={
            207: OpenApiResponse(BulkSerializer, description="one outcome for each, in their order"),
            **problems("validation_failed", "service_unavailable", *_SUBMIT),
        },
    )
    def post(self, request: HttpRequest) -> Response:
        """Each is judged and stored on its own: one that is refused stops no other.

        Under an Idempotency-Key each has the key ``KEY/place``: sent again, those that were stored answer as they did.
        """
        bodies = _body_of(request)
        if not isinstance(bodies, list) or not 1 <= len(bodies) <= MAX_BULK:
            raise DomainError(
                "validation_failed",
                f"A bulk is a list of 1 to {MAX_BULK} requests; nothing was stored.",
                errors=[FieldFault("", "wrong_type", f"a list of 1 to {MAX_BULK} requests")],
            )
        key = request.headers.get("Idempotency-Key")
        if key is not None:
            check_key(key, most=MAX_KEY_LENGTH - len(f"/{MAX_BULK}"))
        outcomes: list[dict[str, Any]] = []
        for place, body in enumerate(bodies):
            try:
                outcomes.append(self._submit(request, place, body, key))
            except OUTAGES as error:
                if place == 0:
                    raise
                # Some are stored: an error for all would have them sent, and asked, again.
                outcomes += [_refusal(request, left, described_outage(error)) for left in range(place, len(bodies))]
                break
        transaction.on_commit(wake_exporter)
        return Response({"results": outcomes}, status=207)

    def _submit(self, request: HttpRequest, place: int, body: Any, key: str | None) -> dict[str, Any]:
        try:
            stored, replayed = submit_request(
                user=self.asker(request),
                body=body,
                trace_id=trace_id(),
                actor=actor_of(request),
                idempotency_key=None if key is None else f"{key}/{place}",
            )
        except DomainError as refused:
            return _refusal(request, place, refused)
        return {"index": place, "status": 200 if replayed else 201, "id": stored.pk}


class ValidateView(AskerView):
    """Judging without storing."""

    @extend_schema(
        tags=["requests"],
        operation_id="validate_request",
        summary="Validate a request without submitting it",
        request=SubmissionSerializer,
        examples=_EXAMPLES,
        responses={200: VerdictSerializer, **problems(*_SUBMIT)},
    )
    def post(self, request: HttpRequest) -> Response:
        """The search body that an engine would run, or every fault. Stores nothing and costs no limit."""
        verdict = validate_request(user=self.asker(request), body=_body_of(request))
        return Response(
            {
                "valid": verdict.valid,
                "elasticsearch_query": verdict.elasticsearch_query,
                "errors": [{"pointer": f.pointer, "code": f.code, "detail": f.detail} for f in verdict.errors],
            }
        )


class RequestView(AskerView):
    """One request."""

    @extend_schema(
        tags=["requests"],
        operation_id="get_request",
        summary="One request, every column",
        responses={200: RequestSerializer, **problems("not_found", *_WHO)},
    )
    def get(self, request: HttpRequest, request_id: UUID) -> Response:
        """The row; another user's is not found."""
        return Response(request_document(get_request(user=self.asker(request), request_id=request_id)))


def _refusal(request: HttpRequest, place: int, refused: DomainError) -> dict[str, Any]:
    """What a bulk says of the item that was refused, its pointers from the root of the bulk."""
    errors = [FieldFault(f"/{place}{fault.pointer}", fault.code, fault.detail) for fault in refused.errors]
    problem = problem_document(refused.code, refused.detail, instance=request.path, errors=errors)
    return {"index": place, "status": problem["status"], "problem": problem}


def _body_of(request: HttpRequest) -> object:
    """The parsed body. REST framework takes an empty one for an empty object; here it is no JSON text."""
    body: object = request.data
    if not body and request.META.get("CONTENT_LENGTH") in (None, "", "0"):
        raise DomainError("malformed_json", "The body is empty: a JSON text was expected.")
    return body


def _form_faults(errors: Any) -> list[FieldFault]:
    return [
        FieldFault(f"/{name}", error["code"] or "invalid", error["message"])
        for name, found in errors.get_json_data().items()
        for error in found
    ]
