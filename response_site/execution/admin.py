"""Requests that came across, their answers and cancellations: to be read, never typed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import redis
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.timesince import timesince
from django_celery_beat.admin import PeriodicTaskAdmin
from django_celery_beat.models import PeriodicTask

from common_apps.audit.actors import actor_of
from common_apps.core import clock
from common_apps.core.admin import ReadOnlyAdmin
from response_site.execution.models import Cancellation, IncomingRequest, QueryResult
from response_site.execution.services.invalidate import invalidate_cache


@admin.register(IncomingRequest)
class IncomingRequestAdmin(ReadOnlyAdmin):
    """The queue: what waits, what is in hand, what is done."""

    list_display = [
        "original_request_id",
        "status",
        "query_type",
        "user_id",
        "priority",
        "age",
        "retry_count",
        "lost_leases",
        "assigned_worker",
        "took",
        "error_message",
    ]
    list_filter = ["status", "query_type", "priority", "imported_at"]
    search_fields = ["=original_request_id", "=user_id", "=trace_id", "assigned_worker"]
    date_hierarchy = "imported_at"
    show_full_result_count = False
    actions = ["invalidate_cached_answers"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[IncomingRequest]:
        """Without what only the way back needs."""
        return super().get_queryset(request).defer("record")

    @admin.display(description="age", ordering="asked_at")
    def age(self, row: IncomingRequest) -> str:
        """Since the user asked: until the answer, or until now."""
        return timesince(row.asked_at, row.completed_at or clock.now())

    @admin.display(description="took")
    def took(self, row: IncomingRequest) -> timedelta | None:
        """From the claim to the answer."""
        return row.completed_at - row.started_at if row.completed_at and row.started_at else None

    def has_invalidate_permission(self, request: HttpRequest) -> bool:
        """Whoever may change requests, though no form lets them: admins, not operators."""
        return bool(request.user.has_perm("execution.change_incomingrequest"))

    @admin.action(description="Invalidate cached answers of these requests' indices", permissions=["invalidate"])
    def invalidate_cached_answers(self, request: HttpRequest, queryset: QuerySet[IncomingRequest]) -> None:
        """Forgets every cached answer over the indices that the chosen requests name."""
        named = {row.query_params.get("index") for row in queryset.only("query_params")}
        try:
            removed: dict[str, Any] = {
                index: invalidate_cache(index=index, actor=actor_of(request))
                for index in sorted(index for index in named if isinstance(index, str))
            }
        except redis.RedisError:
            self.message_user(request, "The cache does not answer: nothing was invalidated.", messages.ERROR)
            return
        told = ", ".join(f"{index}: {count}" for index, count in removed.items()) or "nothing"
        self.message_user(request, f"Cached answers removed: {told}.")


@admin.register(QueryResult)
class QueryResultAdmin(ReadOnlyAdmin):
    """Answers, and how far each is on its way back."""

    list_display = [
        "original_request_id",
        "status",
        "delivery",
        "result_count",
        "result_bytes",
        "execution_time_ms",
        "cache_hit",
        "executed_at",
        "exported_at",
        "confirmed_at",
    ]
    list_filter = ["status", "delivery", "cache_hit", "executed_at"]
    search_fields = ["=original_request_id", "=id", "=export_batch__id"]
    date_hierarchy = "pending_since"
    show_full_result_count = False
    raw_id_fields = ["request", "export_batch"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[QueryResult]:
        """A list must not read the answers themselves; one answer's page does."""
        return super().get_queryset(request).defer("result_data")


@admin.register(Cancellation)
class CancellationAdmin(ReadOnlyAdmin):
    """What askers wished to give up."""

    list_display = ["request_id", "user_id", "asked_at", "imported_at"]
    list_filter = ["imported_at"]
    search_fields = ["=request_id", "=user_id"]
    date_hierarchy = "imported_at"
    show_full_result_count = False


admin.site.unregister(PeriodicTask)


@admin.register(PeriodicTask)
class ScheduleAdmin(PeriodicTaskAdmin):
    """Schedules: the library's page, whose actions ask nobody for a permission."""

    # Theirs has an inline script, which the content security policy stops.
    change_form_template = "admin/change_form.html"

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """For whoever may change schedules."""
        return super().get_actions(request) if self.has_change_permission(request) else {}
