"""Batches: one row for every bundle written here, and one for every bundle met here."""

from __future__ import annotations

from django.db import models

from common_apps.core.ids import new_id
from common_apps.transfer.choices import ExportStatus, ImportStatus


class ExportBatch(models.Model):
    """A bundle that this site wrote."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    batch_type = models.CharField(max_length=20)
    filename = models.CharField(max_length=255, blank=True, default="")
    file_path = models.TextField(blank=True, default="")
    file_size_bytes = models.BigIntegerField(null=True, blank=True)
    record_count = models.BigIntegerField(default=0)
    checksum = models.CharField(max_length=64, blank=True, default="")
    encrypted = models.BooleanField(default=True)
    status = models.CharField(max_length=20, choices=ExportStatus.choices, default=ExportStatus.PENDING)
    created_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True, blank=True)
    error_message = models.TextField(blank=True, default="")
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "export_batches"
        ordering = ["-created_at"]
        verbose_name_plural = "export batches"


class ImportBatch(models.Model):
    """A bundle that this site met."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    source_batch_id = models.UUIDField(null=True, blank=True)
    batch_type = models.CharField(max_length=20, blank=True, default="")
    filename = models.CharField(max_length=255, blank=True, default="")
    file_path = models.TextField(blank=True, default="")
    file_size_bytes = models.BigIntegerField(null=True, blank=True)
    record_count = models.BigIntegerField(default=0)
    checksum = models.CharField(max_length=64, blank=True, default="")
    encrypted = models.BooleanField(default=True)
    status = models.CharField(max_length=20, choices=ImportStatus.choices, default=ImportStatus.PENDING)
    created_at = models.DateTimeField()
    processed_at = models.DateTimeField(null=True, blank=True)
    error_message = models.TextField(blank=True, default="")
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "import_batches"
        ordering = ["-created_at"]
        verbose_name_plural = "import batches"
