"""What both sites have applied of each other's states: to be read, never typed."""

from __future__ import annotations

from django.contrib import admin

from common_apps.core.admin import ReadOnlyAdmin
from common_apps.transfer.models import AppliedState, HeardState


@admin.register(AppliedState)
class AppliedStateAdmin(ReadOnlyAdmin):
    """What this site has applied of each of the other's states."""

    list_display = ["stream", "seq", "applied_at", "batch_id", "refused_seq", "refused_code"]
    search_fields = ["stream", "batch_id"]


@admin.register(HeardState)
class HeardStateAdmin(ReadOnlyAdmin):
    """What the other site says it has applied of ours."""

    list_display = ["stream", "seq", "batch_id", "refused_seq", "refused_code"]
    search_fields = ["stream", "batch_id"]
