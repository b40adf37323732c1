"""Every bundle that this site wrote: to be read, never typed."""

from __future__ import annotations

from django.contrib import admin

from common_apps.core.admin import ReadOnlyAdmin
from common_apps.transfer.models import ExportBatch


@admin.register(ExportBatch)
class ExportBatchAdmin(ReadOnlyAdmin):
    """Every bundle that this site wrote, and what became of it."""

    list_display = [
        "created_at",
        "batch_type",
        "seq",
        "mode",
        "status",
        "fate",
        "record_count",
        "file_size_bytes",
        "trip",
        "filename",
    ]
    list_filter = ["batch_type", "status", "mode", "created_at", ("confirmed_at", admin.EmptyFieldListFilter)]
    search_fields = ["id", "filename", "checksum", "trip", "peer_code"]
    date_hierarchy = "created_at"
    show_full_result_count = False

    @admin.display(description="at the other site")
    def fate(self, batch: ExportBatch) -> str:
        """In a word, what the other site's holdings say of it."""
        if batch.superseded_at:
            return "superseded"
        if batch.ended_at:
            return f"discarded ({batch.peer_code})"
        if batch.held_at:
            return f"held ({batch.peer_code})"
        if batch.confirmed_at:
            return f"confirmed ({batch.peer_code})" if batch.peer_code else "confirmed"
        return "not confirmed" if batch.completed_at else "-"
