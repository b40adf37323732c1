"""The audit log, its chain and the system log: to be read, never typed."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from common_apps.audit.models import AuditChain, AuditLog, SystemLog
from common_apps.core.admin import ReadOnlyAdmin


@admin.register(AuditLog)
class AuditLogAdmin(ReadOnlyAdmin):
    """Who did what, when and from where."""

    list_display = ["created_at", "action", "resource_type", "resource_id", "user_id", "ip_address", "response_status"]
    list_filter = ["action", "resource_type", "created_at"]
    search_fields = ["action", "resource_id", "user_id", "ip_address"]
    date_hierarchy = "created_at"
    show_full_result_count = False


@admin.register(AuditChain)
class AuditChainAdmin(ReadOnlyAdmin):
    """The seals."""

    list_display = ["seq", "audit", "hash"]
    search_fields = ["hash"]

    def get_queryset(self, request: HttpRequest) -> Any:
        """With the rows they seal."""
        return super().get_queryset(request).select_related("audit")


@admin.register(SystemLog)
class SystemLogAdmin(ReadOnlyAdmin):
    """What the site said of itself."""

    list_display = ["created_at", "level", "component", "message", "request_id"]
    list_filter = ["level", "component", "created_at"]
    search_fields = ["message", "request_id"]
    date_hierarchy = "created_at"
