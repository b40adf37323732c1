"""Requests and answers: to be seen. They change by the streams and the API, never by hand."""

from __future__ import annotations

from typing import Any

import msgspec
from django.contrib import admin
from django.db.models import CharField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Cast, Coalesce
from django.http import HttpRequest
from django.utils.html import format_html

from common_apps.accounts.models import User
from common_apps.core.admin import ReadOnlyAdmin
from request_site.submissions.models import Cancellation, IdempotencyKey, Request, Response

# A page of megabytes helps nobody: the API has the whole of it.
SHOWN_CHARACTERS = 64 * 1024


def _pretty(value: Any) -> str:
    if value is None:
        return "-"
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    if len(text) > SHOWN_CHARACTERS:
        text = f"{text[:SHOWN_CHARACTERS]}\n… {len(text) - SHOWN_CHARACTERS} more characters"
    return format_html("<pre>{}</pre>", text)


@admin.register(Request)
class RequestAdmin(ReadOnlyAdmin):
    """Every request, newest first."""

    list_display = ["id", "created_at", "asker", "query_type", "status", "priority", "exported_at", "answered_at"]
    list_filter = ["status", "query_type", "priority", "recovered", "created_at"]
    search_fields = ["id", "user__username", "trace_id", "error_code", "export_batch__id"]
    search_help_text = "Request id, user name, trace id, error code, or id of the bundle"
    date_hierarchy = "created_at"
    show_full_result_count = False
    fieldsets = [
        (None, {"fields": ["id", "asker", "status", "priority", "query_type", "params", "search_body", "notes"]}),
        ("The way", {"fields": ["created_at", "exported_at", "export_batch", "answered_at", "trace_id"]}),
        ("What went wrong", {"fields": ["error_code", "error_message", "retry_count", "recovered"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Request]:
        """With the askers' names; a user that has not come yet is an id (so no join, which would hide the row)."""
        names = User.objects.filter(pk=OuterRef("user_id")).values("username")[:1]
        return (
            super()
            .get_queryset(request)
            .annotate(asker_name=Coalesce(Subquery(names), Cast("user_id", CharField())))
            .defer("elasticsearch_query")
        )

    @admin.display(description="user", ordering="asker_name")
    def asker(self, row: Any) -> str:
        """The name, or the id of a user that is not known here."""
        return row.asker_name

    @admin.display(description="result received at", ordering="result_received_at")
    def answered_at(self, row: Request) -> Any:
        """When the answer came."""
        return row.result_received_at

    @admin.display(description="query_params")
    def params(self, row: Request) -> str:
        """As the user wrote them."""
        return _pretty(row.query_params)

    @admin.display(description="elasticsearch_query")
    def search_body(self, row: Request) -> str:
        """What an engine is to run."""
        return _pretty(row.elasticsearch_query)

    @admin.display(description="metadata")
    def notes(self, row: Request) -> str:
        """The client's own notes."""
        return _pretty(row.metadata)


@admin.register(Response)
class ResponseAdmin(ReadOnlyAdmin):
    """Every answer, newest first."""

    list_display = ["id", "received_at", "request", "result_count", "execution_time_ms", "is_cached", "import_batch_id"]
    list_filter = ["is_cached", "received_at"]
    search_fields = ["id", "request__id", "import_batch__id"]
    search_help_text = "Answer id, request id, or id of the imported bundle"
    date_hierarchy = "received_at"
    show_full_result_count = False
    list_select_related = ["request"]
    fields = [
        "id",
        "request",
        "result",
        "result_count",
        "execution_time_ms",
        "elasticsearch_took_ms",
        "is_cached",
        "cache_age_s",
        "executed_at",
        "received_at",
        "import_batch",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Response]:
        """Without the answers themselves: a page of them could be a gigabyte."""
        return super().get_queryset(request).defer("result_data")

    @admin.display(description="result_data")
    def result(self, row: Response) -> str:
        """The engine's answer, or a problem document."""
        return _pretty(row.result_data)


@admin.register(Cancellation)
class CancellationAdmin(ReadOnlyAdmin):
    """Wishes to give up what had left already."""

    list_display = ["asked_at", "request", "status", "user_id", "export_batch_id"]
    list_filter = ["status", "asked_at"]
    search_fields = ["id", "request__id", "user_id", "export_batch__id"]
    list_select_related = ["request"]
    show_full_result_count = False


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin):
    """Keys under which clients have submitted."""

    list_display = ["created_at", "key", "user_id", "request"]
    list_filter = ["created_at"]
    search_fields = ["key", "user_id", "request__id"]
    list_select_related = ["request"]
    show_full_result_count = False
