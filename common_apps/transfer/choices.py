"""Closed lists of transfer."""

from __future__ import annotations

from django.db import models


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
