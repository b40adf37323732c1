"""Wrong passwords: who is locked out, and letting them in again. Instead of axes' own pages (AXES_ENABLE_ADMIN)."""

from __future__ import annotations

from typing import Any

from axes.models import AccessAttempt
from django.contrib import admin
from django.http import HttpRequest

from common_apps.core.admin import ReadOnlyAdmin


@admin.register(AccessAttempt)
class LockoutAdmin(ReadOnlyAdmin):
    """Failed logins by name and address. Deleting one lets that name in again from that address."""

    list_display = ("attempt_time", "username", "ip_address", "failures_since_start", "path_info", "user_agent")
    list_filter = ("attempt_time", "path_info")
    search_fields = ("username", "ip_address")
    date_hierarchy = "attempt_time"
    fields = list_display

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As the role says: admins."""
        return bool(request.user.has_perm("axes.delete_accessattempt"))
