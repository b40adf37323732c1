"""Health for probes, and the front page."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.views import APIView

from common_apps.core.addresses import client_address, is_listed
from common_apps.core.api.problems import problem_json
from common_apps.core.errors import DomainError
from common_apps.operations.health import Health, check_health


def _answer(health: Health, *, detailed: bool = False) -> JsonResponse:
    checks: dict[str, Any] = {}
    for verdict in health.verdicts:
        entry: dict[str, Any] = {"status": verdict.status, "needed": verdict.needed}
        if verdict.detail and detailed:
            entry["detail"] = verdict.detail
        if detailed:
            entry |= {"duration_ms": verdict.duration_ms, **verdict.seen}
        checks[verdict.name] = entry
    status = 503 if health.status == "down" else 200
    return JsonResponse({"status": health.status, "checks": checks}, status=status)


@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """The process answers: nothing else is asked, so that a lost database doesn't get the web process restarted."""
    return JsonResponse({"status": "ok", "checks": {}})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """What the site can't work without is up; 503 when not."""
    return _answer(check_health(needed_only=True))


class DetailedView(APIView):
    """Every check with what it saw: for staff, or an address of METRICS_ALLOWED."""

    permission_classes = ()
    schema = None

    def perform_authentication(self, request: Request) -> None:
        """Left to get(): a listed address needs no token, and must be answered while the database is down."""

    def get(self, request: Request) -> HttpResponse:
        """200 or 503 with {status, checks}."""
        if not is_listed(client_address(request) or "", settings.METRICS_ALLOWED):
            user = request.user
            if user is None or not getattr(user, "is_authenticated", False):
                return problem_json(
                    request,
                    DomainError("not_authenticated", "Send a token, or ask from an address of METRICS_ALLOWED."),
                )
            if not user.is_staff:
                raise PermissionDenied
        return _answer(check_health(), detailed=True)


@never_cache
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What this site is, whether it is well, and where to go."""
    health = check_health(needed_only=True)
    context = {"health": health, "purpose": settings.SITE_PURPOSE, "steps": settings.SITE_STEPS}
    return render(request, "home.html", context, status=503 if health.status == "down" else 200)


class ApiDocsView(SpectacularSwaggerSplitView):
    """Swagger UI from the vendored files, without inline script or style."""

    template_name = "api_docs.html"
    url_name = "api-schema"
