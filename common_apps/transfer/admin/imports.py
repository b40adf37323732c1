"""Every bundle that this site met: to be read, and decided on where it lies in quarantine."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from common_apps.core.admin import ReadOnlyAdmin
from common_apps.transfer.admin.asking import acting, confirmation, short
from common_apps.transfer.admin.deciding import READ_AT_ONCE, decide, possible, shown_preview
from common_apps.transfer.admin.filters import ImportAtFilter
from common_apps.transfer.bundle.errors import Code, describe
from common_apps.transfer.models import ImportBatch
from common_apps.transfer.tasks import import_scan
from common_apps.transfer.words import import_word

_IMPORT = "transfer.import_bundles"
_STEPS = [
    "IMPORT_DIR is scanned: whatever lies there is judged, profile types and users first.",
    "What is sound is applied; what is not goes to the quarantine; what is still being copied waits.",
]


@admin.register(ImportBatch)
class ImportBatchAdmin(ReadOnlyAdmin):
    """Bundles by what became of them, with what their code means and what to do."""

    list_display = [
        "met",
        "state",
        "batch_type",
        "number",
        "code",
        "records",
        "sent",
        "settled",
        "cure",
    ]
    list_filter = [ImportAtFilter, "batch_type", "code", "created_at"]
    search_fields = ["id", "source_batch_id", "filename", "checksum"]
    search_help_text = "an id, a file's name, or a checksum, or a part of one"
    date_hierarchy = "created_at"
    show_full_result_count = False
    actions = ["release", "discard", "import_again"]
    readonly_fields = ["state", "meaning", "cure"]
    fieldsets = [
        (None, {"fields": ["state", "code", "error_message", "meaning", "cure"]}),
        ("Hops", {"fields": ["sent_at", "created_at", "processed_at", "held_at", "discarded_at"]}),
        ("Bundle", {"fields": ["filename", "source_batch_id", "batch_type", "mode", "seq", "record_count"]}),
        ("Bytes", {"fields": ["file_size_bytes", "checksum", "signer", "file_path", "metadata"]}),
        ("Met", {"fields": ["met_count", "last_met_at"]}),
    ]

    def get_urls(self) -> list[URLPattern]:
        """Besides Django's: the button."""
        now = path("import-now/", self.admin_site.admin_view(self.import_now), name="transfer_import_now")
        return [now, *super().get_urls()]

    def has_release_permission(self, request: HttpRequest) -> bool:
        """Whether the role may decide on the quarantine."""
        return bool(request.user.has_perm("transfer.release_bundles"))

    def has_carry_permission(self, request: HttpRequest) -> bool:
        """Whether the role may import."""
        return bool(request.user.has_perm(_IMPORT))

    @admin.display(description="met", ordering="created_at")
    def met(self, batch: ImportBatch) -> str:
        """For the first time."""
        return short(batch.created_at)

    @admin.display(description="sent", ordering="sent_at")
    def sent(self, batch: ImportBatch) -> str:
        """Written, by the other site's clock."""
        return short(batch.sent_at)

    @admin.display(description="settled", ordering="processed_at")
    def settled(self, batch: ImportBatch) -> str:
        """Applied, or refused or dropped: the state says which."""
        return short(batch.processed_at)

    @admin.display(description="number", ordering="seq")
    def number(self, batch: ImportBatch) -> int | None:
        """Of a state: its version."""
        return batch.seq

    @admin.display(description="records", ordering="record_count")
    def records(self, batch: ImportBatch) -> int:
        """How many."""
        return batch.record_count

    @admin.display(description="state")
    def state(self, batch: ImportBatch) -> str:
        """In a word."""
        return import_word(batch)

    @admin.display(description="what the code means")
    def meaning(self, batch: ImportBatch) -> str:
        """In a sentence."""
        return describe(batch.code).meaning if batch.code in tuple(Code) else "-"

    @admin.display(description="what to do")
    def cure(self, batch: ImportBatch) -> str:
        """In a sentence; nothing where that was done for good."""
        if batch.code not in tuple(Code) or import_word(batch) == "discarded":
            return "-"
        return describe(batch.code).cure

    @admin.action(description="Release: check again, and apply", permissions=["release"])
    def release(self, request: HttpRequest, chosen: QuerySet[ImportBatch]) -> HttpResponse | None:
        """Held bundles."""
        return decide(self, request, chosen, "release")

    @admin.action(description="Discard: give up for good", permissions=["release"])
    def discard(self, request: HttpRequest, chosen: QuerySet[ImportBatch]) -> HttpResponse | None:
        """Whatever lies in quarantine."""
        return decide(self, request, chosen, "discard")

    @admin.action(description="Import again: judge as if it had just come", permissions=["carry"])
    def import_again(self, request: HttpRequest, chosen: QuerySet[ImportBatch]) -> HttpResponse | None:
        """What was refused, waits, or was dropped and is still there."""
        return decide(self, request, chosen, "import_again")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, with its button for who may press it."""
        return super().changelist_view(
            request, {**(extra_context or {}), "may_import": self.has_carry_permission(request)}
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One bundle; of a quarantined one also what is in it, and what can be done."""
        more: dict[str, Any] = {}
        batch = self.get_object(request, object_id)
        if batch is not None and self.has_view_permission(request, batch):
            asked = "preview" in request.GET
            more = shown_preview(batch, always=asked)
            more["decisions"] = possible(self, request, batch)
            more["is_great"] = not asked and (batch.file_size_bytes or 0) > READ_AT_ONCE
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def import_now(self, request: HttpRequest) -> HttpResponse:
        """GET says what will happen; POST enqueues it for the host that has IMPORT_DIR."""
        if not self.has_carry_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            import_scan.delay(actor=acting(request))
            messages.success(request, "The import has been asked for. Load this page anew to see what has come.")
            return HttpResponseRedirect(reverse("admin:transfer_importbatch_changelist"))
        return confirmation(self, request, title="Import now?", steps=_STEPS, button="Import now")
