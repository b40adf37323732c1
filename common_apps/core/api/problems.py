"""Problem details (RFC 9457): the one shape of every error of the API."""

from __future__ import annotations

from typing import Any

import structlog
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import set_rollback
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError

from common_apps.core.api.renderers import JsonRenderer
from common_apps.core.errors import DomainError, FieldFault
from common_apps.core.outages import OUTAGES, name_outage

log = structlog.get_logger("core.problems")

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5
# What the trigger raises that keeps users read-only on the request site (request_site.replica).
REPLICA_SQLSTATE = "RO001"

# code -> (status, title). Codes are stable: clients, the admin and the tests rely on them.
PROBLEMS: dict[str, tuple[int, str]] = {
    "bad_request": (400, "The request can't be read"),
    "malformed_json": (400, "The body is not sound JSON"),
    "validation_failed": (400, "The request is not valid"),
    "not_authenticated": (401, "Who is asking is not known"),
    "token_invalid": (401, "The token is not valid"),
    "permission_denied": (403, "Not allowed"),
    "index_not_allowed": (403, "This index may not be asked"),
    "replica_read_only": (403, "Users are read-only on this site"),
    "not_found": (404, "There is no such thing"),
    "method_not_allowed": (405, "This method is not offered here"),
    "not_acceptable": (406, "No acceptable format"),
    "conflict": (409, "The state does not allow this"),
    "request_failed": (409, "The request failed"),
    "request_cancelled": (409, "The request was cancelled"),
    "result_expired": (410, "The result is no longer kept"),
    "length_required": (411, "The body's length is not known"),
    "payload_too_large": (413, "The body is too large"),
    "unsupported_media_type": (415, "This media type is not read here"),
    "idempotency_mismatch": (422, "The key was used with another body"),
    "rate_limited": (429, "Too many requests"),
    "internal_error": (500, "Something went wrong on our side"),
    "service_unavailable": (503, "A part of the site is down"),
}


def problem_document(
    code: str, detail: str, *, instance: str = "", errors: list[FieldFault] | None = None, **extra: Any
) -> dict[str, Any]:
    """The problem as a dict: {type, title, status, detail, instance, code, request_id, errors, ...extra}."""
    status, title = PROBLEMS[code]
    return {
        "type": f"urn:airferry:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": instance,
        "code": code,
        "request_id": structlog.contextvars.get_contextvars().get("request_id"),
        "errors": [{"pointer": f.pointer, "code": f.code, "detail": f.detail} for f in errors or []],
        **extra,
    }


def described_outage(error: Exception) -> DomainError:
    """One of OUTAGES as ours. It doesn't say that nothing was stored: a connection may be lost after the commit."""
    return DomainError(
        "service_unavailable",
        f"{name_outage(error)} does not answer. Try again in a moment.",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def describe_error(error: BaseException) -> DomainError | None:
    """The error as one of ours; None for what nobody foresaw."""
    if isinstance(error, DomainError):
        return error
    if isinstance(error, OUTAGES):
        return described_outage(error)
    if isinstance(error, DatabaseError) and getattr(error.__cause__, "sqlstate", None) == REPLICA_SQLSTATE:
        return DomainError("replica_read_only", "Users are changed on the response site alone; nothing was changed.")
    if isinstance(error, Http404):
        return DomainError("not_found", "There is nothing at this address, or it is not yours to see.")
    if isinstance(error, PermissionDenied):
        return DomainError("permission_denied", "Your role does not allow this.")
    if isinstance(error, InvalidToken | TokenError):
        return DomainError(
            "token_invalid",
            "The token is expired, revoked or not of this site; ask for a new one at auth/token/.",
        )
    if isinstance(error, exceptions.APIException):
        return _describe_api_exception(error)
    return None


def _describe_api_exception(error: exceptions.APIException) -> DomainError:
    if isinstance(error, exceptions.ValidationError):
        return DomainError(
            "validation_failed",
            "The body has faults; each is named in errors.",
            errors=_field_faults(error.detail),
        )
    if isinstance(error, exceptions.ParseError):
        return DomainError("malformed_json", str(error.detail))
    if isinstance(error, exceptions.Throttled):
        wait = str(int(getattr(error, "wait", None) or 60))
        return DomainError("rate_limited", str(error.detail), headers={"Retry-After": wait})
    if isinstance(error, exceptions.UnsupportedMediaType):
        return DomainError("unsupported_media_type", "Send the body as JSON, with Content-Type: application/json.")
    if isinstance(error, exceptions.NotAcceptable):
        return DomainError("not_acceptable", "Nothing that Accept names is written here; ask for application/json.")
    code = {
        401: "not_authenticated",
        403: "permission_denied",
        404: "not_found",
        405: "method_not_allowed",
    }.get(error.status_code, "internal_error")
    return DomainError(code, _words(error.detail))


def _words(detail: Any) -> str:
    """What the error says; simplejwt's say it in a dict."""
    return str(detail.get("detail", "") if isinstance(detail, dict) else detail)


def _field_faults(detail: Any, pointer: str = "") -> list[FieldFault]:
    """A serializer's nested errors as flat faults with pointers."""
    if isinstance(detail, dict):
        faults: list[FieldFault] = []
        for key, value in detail.items():
            step = "" if key == "non_field_errors" else "/" + str(key).replace("~", "~0").replace("/", "~1")
            faults += _field_faults(value, pointer + step)
        return faults
    if isinstance(detail, list):
        nested = [isinstance(item, dict | list) for item in detail]
        faults = []
        for position, item in enumerate(detail):
            faults += _field_faults(item, f"{pointer}/{position}" if any(nested) else pointer)
        return faults
    return [FieldFault(pointer, getattr(detail, "code", "invalid"), str(detail))]


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's exception handler. What nobody foresaw becomes a 500 that says nothing of the inside."""
    request = context.get("request")
    if isinstance(request, Request):
        # Whatever the view writes (CSV, YAML): a problem is JSON.
        request.accepted_renderer, request.accepted_media_type = JsonRenderer(), JsonRenderer.media_type
    described = describe_error(error)
    if described is None:
        log.error("unforeseen_error", exc_info=error)
        described = DomainError("internal_error", "The error is in the log under this request_id.")
    set_rollback()
    document = problem_document(
        described.code,
        described.detail,
        instance=request.path if request is not None else "",
        errors=described.errors,
        **described.extra,
    )
    response = Response(document, status=document["status"], headers=described.headers, content_type=CONTENT_TYPE)
    if document["status"] == 401:
        response["WWW-Authenticate"] = 'Bearer realm="airferry"'
    return response


def problem_json(request: HttpRequest, error: DomainError) -> JsonResponse:
    """The same document outside REST framework: from middleware and plain views."""
    document = problem_document(error.code, error.detail, instance=request.path, errors=error.errors, **error.extra)
    return JsonResponse(document, status=document["status"], headers=error.headers, content_type=CONTENT_TYPE)
