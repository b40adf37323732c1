"""One row for every bundle that this site met."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from common_apps.core.ids import new_id
from common_apps.transfer.choices import BundleMode, ImportStatus

RECORD_CONFLICT = "record_conflict"
_SETTLED = (ImportStatus.COMPLETED, ImportStatus.FAILED, ImportStatus.DROPPED)
_REMEMBERED = Q(held_at__isnull=False) | Q(discarded_at__isnull=False) | Q(status=ImportStatus.COMPLETED)


class ImportBatch(models.Model):
    """A bundle that this site met.

    ::

        pending -> processing --> completed   code null, or record_conflict
                              +-> failed      held_at: its signed bytes are wrong, an operator decides
                              |               (discarded_at: decided); without held_at: quarantined, not remembered
                              +-> dropped     old, or its key is retired: judged anew whenever it is met
                              +-> waiting_*   can't be read yet; dropped after 30 days

    Applied, held and discarded rows are remembered for ever: their id and bytes again are a duplicate, which counts
    up ``met_count`` and makes no row of its own. ``file_path`` is where the bytes lie now: IMPORT_DIR while it
    waits, the archive, the quarantine, or nowhere.
    ``last_met_day`` and ``first_day`` are days of DayCounter. A waiting row's code is its status.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    source_batch_id = models.UUIDField(null=True, blank=True, help_text="as the signed header says")
    batch_type = models.CharField(max_length=20, blank=True, default="", verbose_name="stream")
    mode = models.CharField(max_length=10, blank=True, default="", choices=BundleMode.choices)
    seq = models.BigIntegerField(null=True, blank=True)
    digest = models.CharField(max_length=64, null=True, blank=True)
    schema = models.PositiveIntegerField(null=True, blank=True)
    signer = models.CharField(max_length=64, blank=True, default="", help_text="fingerprint of the key that verified")
    filename = models.CharField(max_length=255, blank=True, default="")
    file_path = models.TextField(blank=True, default="")
    file_size_bytes = models.BigIntegerField(null=True, blank=True)
    record_count = models.BigIntegerField(default=0)
    checksum = models.CharField(max_length=64, blank=True, default="")
    encrypted = models.BooleanField(default=True)
    status = models.CharField(max_length=20, choices=ImportStatus.choices, default=ImportStatus.PENDING)
    code = models.CharField(max_length=64, null=True, blank=True)
    created_at = models.DateTimeField(help_text="first met")
    sent_at = models.DateTimeField(null=True, blank=True, help_text="written, by the other site's clock")
    processed_at = models.DateTimeField(null=True, blank=True)
    first_day = models.PositiveIntegerField(default=0)
    met_count = models.PositiveIntegerField(default=1)
    last_met_at = models.DateTimeField()
    last_met_day = models.PositiveIntegerField(default=0)
    held_at = models.DateTimeField(null=True, blank=True)
    discarded_at = models.DateTimeField(null=True, blank=True)
    error_message = models.TextField(blank=True, default="")
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "import_batches"
        ordering = ["-created_at", "-id"]
        verbose_name_plural = "import batches"
        default_permissions = ("view",)
        permissions = [
            ("import_bundles", "Can import bundles of the other site"),
            ("release_bundles", "Can release and discard what lies in quarantine"),
        ]
        constraints = [
            models.CheckConstraint(name="import_batches_status", condition=Q(status__in=ImportStatus.values)),
            models.CheckConstraint(
                name="import_batches_settled",
                condition=Q(status__in=_SETTLED, processed_at__isnull=False)
                | (~Q(status__in=_SETTLED) & Q(processed_at=None)),
            ),
            models.CheckConstraint(
                name="import_batches_code",
                condition=(Q(status=ImportStatus.COMPLETED) & (Q(code=None) | Q(code=RECORD_CONFLICT)))
                | (Q(status__in=[ImportStatus.PENDING, ImportStatus.PROCESSING]) & Q(code=None))
                | (
                    ~Q(status__in=[ImportStatus.COMPLETED, ImportStatus.PENDING, ImportStatus.PROCESSING])
                    & Q(code__isnull=False)
                ),
            ),
            models.CheckConstraint(
                name="import_batches_held",
                condition=Q(held_at=None, discarded_at=None) | Q(status=ImportStatus.FAILED),
            ),
            models.CheckConstraint(
                name="import_batches_remembered",
                condition=~_REMEMBERED | (Q(source_batch_id__isnull=False) & ~Q(checksum="")),
            ),
            models.UniqueConstraint(
                name="import_batches_applied_bytes",
                fields=["checksum"],
                condition=Q(status=ImportStatus.COMPLETED),
            ),
            models.UniqueConstraint(
                name="import_batches_applied_id",
                fields=["source_batch_id"],
                condition=Q(status=ImportStatus.COMPLETED),
            ),
        ]
        indexes = [
            models.Index(F("created_at").desc(), F("id").desc(), name="import_batches_newest"),
            models.Index(fields=["checksum"], name="import_batches_bytes", condition=~Q(checksum="")),
            models.Index(
                fields=["source_batch_id"], name="import_batches_source", condition=Q(source_batch_id__isnull=False)
            ),
            # Serves the lists of holdings.
            models.Index(
                fields=["batch_type", "source_batch_id"],
                include=["last_met_day", "code"],
                name="import_batches_listed",
                condition=Q(status=ImportStatus.COMPLETED),
            ),
            # Serves the conflicts in holdings: almost always empty.
            models.Index(
                fields=["batch_type"],
                name="import_batches_conflicts",
                condition=Q(status=ImportStatus.COMPLETED, code__isnull=False),
            ),
            # Serves the quarantine's list, and held bundles in holdings.
            models.Index(fields=["batch_type"], name="import_batches_failed", condition=Q(status=ImportStatus.FAILED)),
            # Serves the second look at a file that could not be read before.
            models.Index(
                fields=["file_path"], name="import_batches_placed", condition=~Q(status=ImportStatus.COMPLETED)
            ),
        ]

    def __str__(self) -> str:
        return self.filename or str(self.source_batch_id or self.id)
