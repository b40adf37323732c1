"""What every request goes through before and after its view."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse
from django.middleware.common import CommonMiddleware
from django_structlog.middlewares import RequestMiddleware

from common_apps.core.addresses import client_address
from common_apps.core.api.parsers import MAX_BODY_BYTES
from common_apps.core.api.problems import problem_json
from common_apps.core.error_pages import bad_request, is_api, outage_answer
from common_apps.core.errors import DomainError
from common_apps.core.outages import OUTAGES

_PLAIN_WORD = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ID = "airferry.request_id"
_STARTED = "airferry.started"


class SlashMiddleware(CommonMiddleware):
    """Django's, but a missing slash is told, not redirected, below /api/: many clients turn a redirected POST into a
    GET, and would take the list that they get for the answer.
    """

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        """For pages alone."""
        return not is_api(request) and super().should_redirect_with_slash(request)


class LogMiddleware(RequestMiddleware):
    """One line for each request, once it is answered; its address is the one that limits and audit know.

    The caller's ``X-Request-ID`` is taken where it is a plain word, else a new one is made; the answer names it.
    """

    def prepare(self, request: HttpRequest) -> None:
        """Binds what every line of this request tells. No line of its own: it would say nothing that the last lacks."""
        asked = request.META.get("HTTP_X_REQUEST_ID", "")
        request.META[_ID] = asked if _PLAIN_WORD.fullmatch(asked) else str(uuid.uuid4())
        request.META[_STARTED] = time.monotonic()
        structlog.contextvars.bind_contextvars(
            request_id=request.META[_ID],
            ip=client_address(request),
            user_agent=request.META.get("HTTP_USER_AGENT"),
        )
        self.bind_user_id(request)

    def handle_response(self, request: HttpRequest, response: HttpResponse) -> None:
        """Says how long it took, and under which id it is in the log."""
        took = round((time.monotonic() - request.META[_STARTED]) * 1000)
        structlog.contextvars.bind_contextvars(duration_ms=took)
        response["X-Request-ID"] = request.META[_ID]
        super().handle_response(request, response)


class ProblemMiddleware:
    """Refuses what no view could read, answers outages met in pages, and keeps the API's answers out of caches."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # PostgreSQL keeps no U+0000: whatever looked for it would fail.
        if "\0" in request.path_info or "%00" in request.META.get("QUERY_STRING", ""):
            return bad_request(request, ValueError("U+0000 in the address"))
        unreadable = _unreadable_body(request) if is_api(request) else None
        response = self.get_response(request) if unreadable is None else problem_json(request, unreadable)
        if is_api(request):
            # Tokens, keys, results: whose they are, a shared cache can't know (RFC 9111, 5.2.2.5).
            response.setdefault("Cache-Control", "no-store")
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """An outage met in a page or the admin: 503, in the form that the caller reads."""
        return outage_answer(request, error) if isinstance(error, OUTAGES) else None


def _unreadable_body(request: HttpRequest) -> DomainError | None:
    """What Django would cut, or take for no body at all."""
    if "HTTP_TRANSFER_ENCODING" in request.META and not request.META.get("CONTENT_LENGTH"):
        return DomainError("length_required", "Send the body with a Content-Length, not in chunks.")
    if request.META.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
        return DomainError("unsupported_media_type", "Send the body as it is: compressed ones are not read here.")
    if _announced_length(request) > MAX_BODY_BYTES:
        return DomainError("payload_too_large", "A body may hold 1 MiB at most; ask in several requests.")
    return None


def _announced_length(request: HttpRequest) -> int:
    length = request.META.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isdecimal() else 0
