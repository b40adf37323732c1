"""Requests and answers: to be seen. They change by the streams and the API, never by hand."""

from __future__ import annotations

from typing import Any, cast

import msgspec
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import transaction
from django.db.models import CharField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Cast, Coalesce
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join

from common_apps.accounts.models import User
from common_apps.audit.actors import actor_of
from common_apps.core.admin import ReadOnlyAdmin
from common_apps.core.errors import DomainError
from common_apps.transfer.admin.asking import confirmation
from request_site.submissions.choices import RequestStatus
from request_site.submissions.models import Cancellation, IdempotencyKey, Request, Response
from request_site.submissions.selectors import describe_timeline
from request_site.submissions.services import cancel_request
from request_site.submissions.tasks import wake_exporter

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
        ("The way", {"fields": ["hops", "waits_for", "export_batch", "trace_id"]}),
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

    actions = ["cancel"]

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Admins: an operator changes nothing."""
        return bool(request.user.has_perm("submissions.change_request"))

    @admin.action(description="Cancel", permissions=["cancel"])
    def cancel(self, request: HttpRequest, chosen: QuerySet[Request]) -> HttpResponse | None:
        """The page that says what will happen first; then each request, on its own."""
        if request.POST.get("confirmed") != "cancel":
            return confirmation(
                self,
                request,
                title="Cancel requests?",
                steps=[
                    f"{chosen.count()} requests are given up; those that have an answer already are left as they are.",
                    "One that never left is cancelled at once. That can't be undone; its asker may ask again.",
                    "Of one that has left, the other site is asked with the next trip. Its answer decides: cancelled, "
                    "or the result where it was too late.",
                ],
                here=True,
                button="Cancel them",
                hidden=[
                    ("action", "cancel"),
                    ("confirmed", "cancel"),
                    *((ACTION_CHECKBOX_NAME, str(pk)) for pk in chosen.values_list("pk", flat=True)),
                ],
            )
        for row in chosen:
            try:
                given_up = cancel_request(user=cast(User, request.user), request_id=row.pk, actor=actor_of(request))
            except DomainError as error:
                messages.warning(request, f"{row.pk}: {error.detail}")
            else:
                is_final = given_up.status == RequestStatus.CANCELLED
                told = "cancelled." if is_final else "the other site is asked with the next trip."
                messages.success(request, f"{row.pk}: {told}")
        transaction.on_commit(wake_exporter)
        return None

    @admin.display(description="hops")
    def hops(self, row: Request) -> str:
        """The eight hops, with their times in UTC."""
        return format_html(
            "<ol>{}</ol>",
            format_html_join(
                "",
                "<li>{}: {} ({})</li>",
                (
                    (hop.name, f"{hop.at:%Y-%m-%d %H:%M:%S}" if hop.at else "-", hop.meaning)
                    for hop in describe_timeline(row).hops
                ),
            ),
        )

    @admin.display(description="waits for")
    def waits_for(self, row: Request) -> str:
        """What it waits for, and since when it should be here."""
        timeline = describe_timeline(row)
        if timeline.expected_at is None:
            return timeline.detail
        late = "Overdue: expected" if timeline.overdue else "Expected"
        return f"{timeline.detail} {late} {timeline.expected_at:%Y-%m-%d %H:%M} UTC, as of {timeline.samples} others."

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
