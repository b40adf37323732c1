"""What Django answers where no view could: as problem details below /api/, as pages elsewhere.

The sites' urls.py name these as handler400, handler404 and handler500 (Django, "Customizing error views"). They also
meet what a middleware raises, a session that can't be read for one.
"""

from __future__ import annotations

import sys

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import is_valid_path
from django.views import defaults

from common_apps.core.api.problems import described_outage, problem_json
from common_apps.core.errors import DomainError
from common_apps.core.outages import OUTAGES

API_PREFIX = "/api/"


def is_api(request: HttpRequest) -> bool:
    """Whether a program asks, and reads problem details."""
    return request.path_info.startswith(API_PREFIX)


def outage_answer(request: HttpRequest, error: Exception) -> HttpResponse:
    """503 for one of OUTAGES."""
    described = described_outage(error)
    if is_api(request):
        return problem_json(request, described)
    page = render(request, "503.html", {"detail": described.detail}, status=503)
    for name, value in described.headers.items():
        page[name] = value
    return page


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: a host that is not ours, a path or a form that Django finds suspicious."""
    if is_api(request):
        detail = "The host, the address or a header is not one that this site answers to."
        return problem_json(request, DomainError("bad_request", detail))
    return defaults.bad_request(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404, with the slash that is missing where that is all that is wrong."""
    if not is_api(request):
        return defaults.page_not_found(request, exception)
    if not request.path_info.endswith("/") and is_valid_path(f"{request.path_info}/"):
        detail = f"Addresses of the API end with a slash: ask {request.path}/."
    else:
        detail = f"The API has nothing at {request.path}; see /api/docs/."
    return problem_json(request, DomainError("not_found", detail))


def server_error(request: HttpRequest) -> HttpResponse:
    """503 when something that the site stands on is down, else 500 without a word of the inside."""
    error = sys.exc_info()[1]
    if isinstance(error, OUTAGES):
        return outage_answer(request, error)
    if is_api(request):
        return problem_json(request, DomainError("internal_error", "The error is in the log under this request_id."))
    return defaults.server_error(request)
