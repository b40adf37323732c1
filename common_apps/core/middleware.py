"""Turns what REST framework never sees into problem details."""

from __future__ import annotations

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from common_apps.core.api.parsers import MAX_BODY_BYTES
from common_apps.core.api.problems import describe_error, problem_json
from common_apps.core.errors import DomainError
from common_apps.core.outages import OUTAGES

API_PREFIX = "/api/"


class ProblemMiddleware:
    """Answers an oversized body before it is read, unknown API addresses, and outages met outside the API."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_api = request.path.startswith(API_PREFIX)
        if is_api and _announced_length(request) > MAX_BODY_BYTES:
            return problem_json(
                request,
                DomainError("payload_too_large", "A body may hold 1 MiB at most; ask in several requests."),
            )
        response = self.get_response(request)
        unknown_address = is_api and response.status_code == 404 and request.resolver_match is None
        if unknown_address:
            return problem_json(
                request, DomainError("not_found", f"The API has nothing at {request.path}; see /api/docs/.")
            )
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """An outage met in a page or the admin: 503, in the form that the caller reads."""
        if not isinstance(error, OUTAGES) or isinstance(error, Http404):
            return None
        described = describe_error(error)
        assert described is not None  # noqa: S101 - OUTAGES are always described
        if request.path.startswith(API_PREFIX):
            return problem_json(request, described)
        return render(request, "503.html", {"detail": described.detail}, status=503)


def _announced_length(request: HttpRequest) -> int:
    length = request.META.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isdigit() else 0
