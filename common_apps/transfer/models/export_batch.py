"""One row for every bundle that this site wrote; kept for ever."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from common_apps.core.ids import new_id
from common_apps.transfer.choices import STATE_MODES, UNFINISHED_EXPORTS, BundleMode, ExportStatus

_LIVE = Q(status=ExportStatus.COMPLETED, superseded_at=None, ended_at=None)
_DATED = ("confirmed_at", "superseded_at", "carried_at", "held_at", "ended_at", "settled_at", "pruned_at")


class ExportBatch(models.Model):
    """A bundle that this site wrote.

    ::

        pending --T1--> processing --T2--> completed
                             |
                             +--crash, no sound file--> failed  (its rows are pending again)

        completed, as the other site's holdings tell:
            confirmed_at    applied there (a state: applied, and not replaced since)
            held_at         quarantined there with ``peer_code``: not carried, its operators decide (a state: refused)
            ended_at        discarded there: never judged again
            superseded_at   its rows travel under another bundle (a state: a newer one is written): never judged again
            settled_at      confirmed more than 60 days ago, and every row answered: never judged again
        carried_at: last written to a stick, in the folder ``trip``. pruned_at: its file is gone.

    ``day`` and ``confirmed_day`` are days of DayCounter. A failed row with ``metadata.forgotten`` stands for a
    bundle that the other site lists and this site no longer knew: it was restored from a backup.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    batch_type = models.CharField(max_length=20, verbose_name="stream")
    mode = models.CharField(max_length=10, choices=BundleMode.choices)
    seq = models.BigIntegerField(help_text="number of a log's bundle, version of a state's")
    digest = models.CharField(max_length=64, null=True, blank=True, help_text="of a state: SHA-256 of its snapshot")
    schema = models.PositiveIntegerField(default=1)
    box_key = models.CharField(max_length=64, blank=True, default="", help_text="SHA-256 of the reader's box key")
    signer = models.CharField(max_length=64, blank=True, default="", help_text="fingerprint of the signing key")
    filename = models.CharField(max_length=255, blank=True, default="")
    file_path = models.TextField(blank=True, default="")
    file_size_bytes = models.BigIntegerField(null=True, blank=True)
    record_count = models.BigIntegerField(default=0)
    checksum = models.CharField(max_length=64, blank=True, default="")
    encrypted = models.BooleanField(default=True)
    status = models.CharField(max_length=20, choices=ExportStatus.choices, default=ExportStatus.PENDING)
    created_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True, blank=True)
    day = models.PositiveIntegerField(default=0)
    trip = models.CharField(max_length=32, null=True, blank=True)
    carried_at = models.DateTimeField(null=True, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    confirmed_day = models.PositiveIntegerField(null=True, blank=True)
    held_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    superseded_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    pruned_at = models.DateTimeField(null=True, blank=True)
    peer_code = models.CharField(max_length=64, blank=True, default="", help_text="what the other site says is wrong")
    error_message = models.TextField(blank=True, default="")
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "export_batches"
        ordering = ["-created_at", "-id"]
        verbose_name_plural = "export batches"
        default_permissions = ("view",)
        permissions = [("export_bundles", "Can write bundles for the other site")]
        constraints = [
            models.CheckConstraint(name="export_batches_status", condition=Q(status__in=ExportStatus.values)),
            models.CheckConstraint(name="export_batches_mode", condition=Q(mode__in=BundleMode.values)),
            models.CheckConstraint(
                name="export_batches_completed",
                condition=(
                    Q(status=ExportStatus.COMPLETED, completed_at__isnull=False, file_size_bytes__isnull=False)
                    & ~Q(checksum="")
                    & ~Q(filename="")
                )
                | (~Q(status=ExportStatus.COMPLETED) & Q(completed_at=None)),
            ),
            models.CheckConstraint(
                name="export_batches_dates",
                condition=Q(status=ExportStatus.COMPLETED) | Q(**{f"{name}__isnull": True for name in _DATED}),
            ),
            models.CheckConstraint(
                name="export_batches_confirmed",
                condition=Q(confirmed_at=None, confirmed_day=None)
                | Q(confirmed_at__isnull=False, confirmed_day__isnull=False),
            ),
            models.CheckConstraint(
                name="export_batches_told",
                condition=Q(held_at=None, ended_at=None) | ~Q(peer_code=""),
            ),
            # What the other site may still need is never pruned.
            models.CheckConstraint(
                name="export_batches_pruned",
                condition=Q(pruned_at=None)
                | Q(confirmed_at__isnull=False)
                | Q(superseded_at__isnull=False)
                | Q(ended_at__isnull=False),
            ),
            models.CheckConstraint(name="export_batches_seq", condition=Q(seq__range=(0, 2**52))),
            models.UniqueConstraint(
                name="export_batches_version",
                fields=["batch_type", "seq"],
                condition=Q(mode__in=STATE_MODES) & ~Q(status=ExportStatus.FAILED),
            ),
        ]
        indexes = [
            models.Index(F("created_at").desc(), F("id").desc(), name="export_batches_newest"),
            # Serves numbering, and the newest of a state.
            models.Index(fields=["batch_type", "-seq"], name="export_batches_seq"),
            # Serves the recovery of what a dead exporter left: almost always empty.
            models.Index(
                fields=["batch_type"],
                name="export_batches_unfinished",
                condition=Q(status__in=UNFINISHED_EXPORTS),
            ),
            # Serves what has to go, and what holdings tell as sent.
            models.Index(
                fields=["batch_type", "created_at"],
                name="export_batches_unconfirmed",
                condition=_LIVE & Q(confirmed_at=None),
            ),
            # Serves the judgement of whatever is still judged when holdings are heeded.
            models.Index(
                fields=["batch_type", "id"], name="export_batches_judged", condition=_LIVE & Q(settled_at=None)
            ),
            # Serves tidying: what could not be removed when the batch failed. Almost always empty.
            models.Index(
                fields=["batch_type"],
                name="export_batches_left",
                condition=Q(status=ExportStatus.FAILED) & ~Q(file_path=""),
            ),
            # Serves tidying: files that have to leave EXPORT_DIR or the archive.
            models.Index(
                fields=["batch_type"],
                name="export_batches_kept",
                condition=Q(status=ExportStatus.COMPLETED, pruned_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.batch_type} {self.seq} ({self.id})"
