"""Batches and what both sites hold: to be read, never typed."""

from __future__ import annotations

from django.contrib import admin

from common_apps.core.admin import ReadOnlyAdmin
from common_apps.transfer.bundle.errors import Code, describe
from common_apps.transfer.models import AppliedState, DayCounter, ExportBatch, HeardState, ImportBatch, Peer


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


@admin.register(Peer)
class PeerAdmin(ReadOnlyAdmin):
    """The other site, as its newest holdings describe it."""

    list_display = ["__str__", "hello_seq", "heard", "updated_at"]


@admin.register(DayCounter)
class DayCounterAdmin(ReadOnlyAdmin):
    """Days as retention counts them."""

    list_display = ["__str__", "days", "last_date"]
