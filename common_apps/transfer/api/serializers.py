"""Batches on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from common_apps.transfer.models import ExportBatch, ImportBatch


class TaskSerializer(serializers.Serializer[Any]):
    """A task that was enqueued."""

    task_id = serializers.UUIDField()


class ExportRequestSerializer(serializers.Serializer[Any]):
    """``full``: write a state whole, whether or not it is new."""

    full = serializers.BooleanField(default=False)


class ExportBatchSerializer(serializers.ModelSerializer[ExportBatch]):
    """A bundle that this site wrote."""

    stream = serializers.CharField(source="batch_type")

    class Meta:
        model = ExportBatch
        fields = [
            "id",
            "stream",
            "mode",
            "seq",
            "status",
            "record_count",
            "filename",
            "file_size_bytes",
            "checksum",
            "created_at",
            "completed_at",
            "trip",
            "carried_at",
            "confirmed_at",
            "held_at",
            "ended_at",
            "superseded_at",
            "peer_code",
            "error_message",
        ]


class ImportBatchSerializer(serializers.ModelSerializer[ImportBatch]):
    """A bundle that this site met."""

    stream = serializers.CharField(source="batch_type")

    class Meta:
        model = ImportBatch
        fields = [
            "id",
            "source_batch_id",
            "stream",
            "mode",
            "seq",
            "status",
            "code",
            "record_count",
            "filename",
            "file_size_bytes",
            "checksum",
            "created_at",
            "sent_at",
            "processed_at",
            "met_count",
            "last_met_at",
            "held_at",
            "discarded_at",
            "error_message",
        ]


class QuarantinedSerializer(serializers.Serializer[Any]):
    """A file in quarantine, with what its code means and what to do."""

    id = serializers.UUIDField()
    file = serializers.CharField()
    stream = serializers.CharField(allow_null=True)
    batch_id = serializers.UUIDField(allow_null=True)
    checksum = serializers.CharField(allow_null=True)
    file_size_bytes = serializers.IntegerField(allow_null=True)
    code = serializers.CharField()
    detail = serializers.CharField()
    meaning = serializers.CharField()
    cure = serializers.CharField()
    held = serializers.BooleanField()
    met_count = serializers.IntegerField()
    created_at = serializers.DateTimeField()
