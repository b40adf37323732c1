"""Keys on their way out: to be read, never typed."""

from __future__ import annotations

from django.contrib import admin

from common_apps.core.admin import ReadOnlyAdmin
from common_apps.transfer.models import LeavingKey


@admin.register(LeavingKey)
class LeavingKeyAdmin(ReadOnlyAdmin):
    """Since when a key is on its way out."""

    list_display = ["fingerprint", "since_day"]
