"""Guessing passwords: django-axes locks one name out from one address, and every address has a limit of tries."""

from __future__ import annotations

from typing import Any

from axes.helpers import get_cool_off
from django.http import HttpRequest, HttpResponse
from django_ratelimit.core import get_usage

from common_apps.core.addresses import client_address
from common_apps.core.api.problems import problem_json
from common_apps.core.errors import DomainError

# Tries from one address, whatever the names: people behind one address share it.
ADDRESS_RATE = "60/m"


def locked_out_error() -> DomainError:
    """429 for a name that was locked out."""
    cool_off = get_cool_off()
    seconds = int(cool_off.total_seconds()) if cool_off is not None else 900
    return DomainError(
        "rate_limited",
        f"Too many wrong passwords for this user name from your address. Wait {seconds // 60} minutes.",
        headers={"Retry-After": str(seconds)},
    )


def check_address(request: HttpRequest) -> None:
    """Counts a try of this address; raises DomainError ``rate_limited`` when it has had too many within a minute."""
    usage = get_usage(
        request,
        group="login",
        key=lambda group, asked: client_address(asked) or "unknown",
        rate=ADDRESS_RATE,
        increment=True,
    )
    if usage is not None and usage["should_limit"]:
        wait = max(int(usage["time_left"]), 1)
        raise DomainError(
            "rate_limited",
            f"Too many logins from your address within a minute. Wait {wait} seconds.",
            headers={"Retry-After": str(wait)},
        )


def locked_out_response(
    request: HttpRequest, original_response: HttpResponse | None = None, credentials: dict[str, Any] | None = None
) -> HttpResponse:
    """What axes' middleware answers: a problem document for the API, a plain sentence for the admin's login page."""
    error = locked_out_error()
    if request.path.startswith("/api/"):
        return problem_json(request, error)
    return HttpResponse(error.detail, status=429, headers=error.headers, content_type="text/plain; charset=utf-8")
