"""Alerts: to be read and acknowledged."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from common_apps.audit.actors import actor_of
from common_apps.core.admin import ReadOnlyAdmin
from common_apps.operations.models import Alert
from common_apps.operations.selectors import STATES, alerts_in
from common_apps.operations.services.alerts import acknowledge_alert


class StateFilter(admin.SimpleListFilter):
    """open, acknowledged, ended."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        """All three."""
        return [(state, state) for state in STATES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Alert]) -> QuerySet[Alert]:
        """Those of the chosen one."""
        return queryset & alerts_in(self.value()) if self.value() else queryset


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    """What the operators have to know of, the newest first."""

    list_display = ["last_at", "level", "title", "subject", "state", "count", "detail"]
    list_filter = [StateFilter, "level", "code", "raised_at"]
    search_fields = ["code", "subject", "detail"]
    date_hierarchy = "raised_at"
    show_full_result_count = False
    fieldsets = [
        (None, {"fields": ["title", "state", "level", "detail", "facts", "meaning", "cure"]}),
        ("When", {"fields": ["code", "subject", "count", "raised_at", "last_at", "ended_at"]}),
        ("Seen", {"fields": ["acknowledged_at", "acknowledged_by"]}),
    ]
    actions = ["acknowledge"]

    def has_acknowledge_permission(self, request: HttpRequest) -> bool:
        """Operators and admins."""
        return request.user.has_perm("operations.acknowledge_alert")

    @admin.action(description="Acknowledge: seen, and taken care of", permissions=["acknowledge"])
    def acknowledge(self, request: HttpRequest, chosen: QuerySet[Alert]) -> None:
        """The service, one by one."""
        ids = list(chosen.values_list("pk", flat=True))
        for alert_id in ids:
            acknowledge_alert(alert_id=alert_id, actor=actor_of(request))
        messages.success(request, f"{len(ids)} acknowledged.")
