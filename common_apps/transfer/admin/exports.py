"""Every bundle that this site wrote: to be read, never typed."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from common_apps.core.admin import ReadOnlyAdmin
from common_apps.transfer.admin.asking import acting, confirmation, short
from common_apps.transfer.admin.filters import ExportAtFilter
from common_apps.transfer.bundle.errors import Code, describe
from common_apps.transfer.models import ExportBatch
from common_apps.transfer.tasks import export
from common_apps.transfer.words import export_word

_EXPORT = "transfer.export_bundles"
_STEPS = [
    "Whatever waits for the other site is put into bundles in EXPORT_DIR, however little it is.",
    "If there is something new to tell, new holdings are written.",
    "Nothing is carried by that: plug in a stick and sync it at the transfer station, or copy the files.",
]


@admin.register(ExportBatch)
class ExportBatchAdmin(ReadOnlyAdmin):
    """Every bundle that this site wrote, hop by hop, and what became of it at the other site."""

    list_display = [
        "written",
        "state",
        "batch_type",
        "number",
        "records",
        "carried",
        "confirmed",
        "trip",
        "peer_code",
    ]
    list_filter = [ExportAtFilter, "batch_type", "mode", "created_at"]
    search_fields = ["id", "filename", "checksum", "trip", "peer_code"]
    search_help_text = "an id, a file's name, a checksum, a trip or a code, or a part of one"
    date_hierarchy = "created_at"
    show_full_result_count = False
    readonly_fields = ["state", "meaning"]
    fieldsets = [
        (None, {"fields": ["state", "peer_code", "meaning", "error_message"]}),
        (
            "Hops",
            {
                "fields": [
                    "created_at",
                    "completed_at",
                    "carried_at",
                    "trip",
                    "confirmed_at",
                    "held_at",
                    "ended_at",
                    "superseded_at",
                    "settled_at",
                    "pruned_at",
                ]
            },
        ),
        ("Bundle", {"fields": ["id", "filename", "batch_type", "mode", "seq", "record_count", "schema"]}),
        ("Bytes", {"fields": ["file_size_bytes", "checksum", "signer", "box_key", "file_path", "metadata"]}),
    ]

    def get_urls(self) -> list[URLPattern]:
        """Besides Django's: the button."""
        now = path("export-now/", self.admin_site.admin_view(self.export_now), name="transfer_export_now")
        return [now, *super().get_urls()]

    @admin.display(description="written", ordering="created_at")
    def written(self, batch: ExportBatch) -> str:
        """Here."""
        return short(batch.created_at)

    @admin.display(description="carried", ordering="carried_at")
    def carried(self, batch: ExportBatch) -> str:
        """Last written to a stick."""
        return short(batch.carried_at)

    @admin.display(description="confirmed", ordering="confirmed_at")
    def confirmed(self, batch: ExportBatch) -> str:
        """Known to be applied there."""
        return short(batch.confirmed_at)

    @admin.display(description="number", ordering="seq")
    def number(self, batch: ExportBatch) -> int:
        """Of a state: its version."""
        return batch.seq

    @admin.display(description="records", ordering="record_count")
    def records(self, batch: ExportBatch) -> int:
        """How many."""
        return batch.record_count

    @admin.display(description="state")
    def state(self, batch: ExportBatch) -> str:
        """In a word."""
        return export_word(batch)

    @admin.display(description="what the other site's code means")
    def meaning(self, batch: ExportBatch) -> str:
        """In a sentence; a newer site may have codes that are not known here."""
        return describe(batch.peer_code).meaning if batch.peer_code in tuple(Code) else "-"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, with its button for who may press it."""
        may = request.user.has_perm(_EXPORT)
        return super().changelist_view(request, {**(extra_context or {}), "may_export": may})

    def export_now(self, request: HttpRequest) -> HttpResponse:
        """GET says what will happen; POST enqueues it for the host that has EXPORT_DIR."""
        if not request.user.has_perm(_EXPORT):
            raise PermissionDenied
        if request.method == "POST":
            export.delay(full=bool(request.POST.get("full")), actor=acting(request))
            messages.success(request, "The export has been asked for. Load this page anew to see what was written.")
            return HttpResponseRedirect(reverse("admin:transfer_exportbatch_changelist"))
        return confirmation(self, request, title="Export now?", steps=_STEPS, button="Export now", asks_full=True)
