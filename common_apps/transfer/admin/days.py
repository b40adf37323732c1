"""Days as retention counts them: to be read, never typed."""

from __future__ import annotations

from django.contrib import admin

from common_apps.core.admin import ReadOnlyAdmin
from common_apps.transfer.models import DayCounter


@admin.register(DayCounter)
class DayCounterAdmin(ReadOnlyAdmin):
    """Days as retention counts them."""

    list_display = ["__str__", "days", "last_date"]
