"""Closed lists of transfer."""

from __future__ import annotations

from django.db import models


class BundleMode(models.TextChoices):
    """A log is cut in batches; a state comes whole, or as the rows that changed."""

    BATCH = "batch"
    DELTA = "delta"
    SNAPSHOT = "snapshot"


class ExportStatus(models.TextChoices):
    """pending -> processing -> completed | failed."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


class ImportStatus(models.TextChoices):
    """pending -> processing -> completed, duplicate, failed (held or quarantined), dropped, or one that waits."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    DUPLICATE = "duplicate"
    FAILED = "failed"
    DROPPED = "dropped"
    WAITING_SIDECAR = "waiting_sidecar"
    WAITING_DATA = "waiting_data"
    WAITING_KEY = "waiting_key"
    WAITING_SCHEMA = "waiting_schema"

    @property
    def waits(self) -> bool:
        """Whether the file stays where it lies, to be looked at again."""
        return self.value.startswith("waiting_")


class CarryStatus(models.TextChoices):
    """running -> fine, attention, failed, or broken."""

    RUNNING = "running"
    FINE = "fine"
    ATTENTION = "attention"
    FAILED = "failed"
    BROKEN = "broken"


# The file has not been read yet, so all that is known of it is where it lies.
UNREAD = (ImportStatus.WAITING_SIDECAR, ImportStatus.WAITING_DATA)
WAITING = (*UNREAD, ImportStatus.WAITING_KEY, ImportStatus.WAITING_SCHEMA)
UNFINISHED_EXPORTS = (ExportStatus.PENDING, ExportStatus.PROCESSING)
STATE_MODES = (BundleMode.DELTA, BundleMode.SNAPSHOT)
