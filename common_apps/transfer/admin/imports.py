"""Every bundle that this site met: to be read, never typed."""

from __future__ import annotations

from django.contrib import admin

from common_apps.core.admin import ReadOnlyAdmin
from common_apps.transfer.bundle.errors import Code, describe
from common_apps.transfer.models import ImportBatch


@admin.register(ImportBatch)
class ImportBatchAdmin(ReadOnlyAdmin):
    """Every bundle that this site met."""

    list_display = [
        "created_at",
        "batch_type",
        "seq",
        "status",
        "code",
        "record_count",
        "met_count",
        "last_met_at",
        "filename",
    ]
    list_filter = ["status", "code", "batch_type", "created_at", ("held_at", admin.EmptyFieldListFilter)]
    search_fields = ["id", "source_batch_id", "filename", "checksum"]
    date_hierarchy = "created_at"
    show_full_result_count = False
    readonly_fields = ["meaning", "cure"]

    @admin.display(description="what the code means")
    def meaning(self, batch: ImportBatch) -> str:
        """In a sentence."""
        return describe(batch.code).meaning if batch.code in tuple(Code) else "-"

    @admin.display(description="what to do")
    def cure(self, batch: ImportBatch) -> str:
        """In a sentence."""
        return describe(batch.code).cure if batch.code in tuple(Code) else "-"
