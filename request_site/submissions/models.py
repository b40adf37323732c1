"""Requests as typed here, and the answers that came back."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from common_apps.core.fields import JsonTextField
from common_apps.core.ids import new_id
from request_site.submissions.choices import CancellationStatus, RequestStatus
from request_site.submissions.querysets import RequestQuerySet


class Request(models.Model):
    """One question of one user.

    ::

        pending --T1--> queued --T2--> exported --holdings--> processing
           ^               |              |                        |
           +-- batch failed or superseded +------------------------+
        any of these --answer--> completed | failed | cancelled   (final: the first answer stands)

    ``is_waiting`` stands for ``pending`` in the claim's index: an index that names ``status`` itself would make every
    change of it rewrite all indexes, where now those between two waits need none (heap-only updates).
    ``export_batch`` is the newest bundle that the row was claimed for, also while it is pending again: a row without
    one has never left. ``user`` has no database constraint: an answer may come before its user (a request recovered
    after a backup).
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # Without an index of their own, here and below: requests_own and requests_batch begin with them.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="requests"
    )
    query_type = models.CharField(max_length=50)
    query_params = JsonTextField()
    elasticsearch_query = JsonTextField(null=True, blank=True)
    status = models.CharField(max_length=20, choices=RequestStatus.choices, default=RequestStatus.PENDING)
    is_waiting = models.GeneratedField(
        expression=models.ExpressionWrapper(Q(status="pending"), output_field=models.BooleanField()),
        output_field=models.BooleanField(),
        db_persist=True,
    )
    priority = models.PositiveSmallIntegerField(default=5)
    created_at = models.DateTimeField()
    exported_at = models.DateTimeField(null=True, blank=True)
    export_batch = models.ForeignKey(
        "transfer.ExportBatch", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    result_received_at = models.DateTimeField(null=True, blank=True)
    retry_count = models.PositiveSmallIntegerField(default=0)
    error_code = models.CharField(max_length=64, blank=True, default="", help_text="why it failed, stable")
    error_message = models.TextField(blank=True, default="")
    metadata = JsonTextField(default=dict, blank=True)
    trace_id = models.UUIDField(default=new_id, editable=False)
    recovered = models.BooleanField(default=False, help_text="came back with its answer after a backup was restored")

    objects = RequestQuerySet.as_manager()

    class Meta:
        db_table = "requests"
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(name="requests_status", condition=Q(status__in=RequestStatus.values)),
            models.CheckConstraint(name="requests_priority", condition=Q(priority__range=(1, 10))),
            models.CheckConstraint(name="requests_retry_count", condition=Q(retry_count__range=(0, 5))),
            models.CheckConstraint(
                name="requests_pinned",
                condition=~Q(status__in=["queued", "exported", "processing"]) | Q(export_batch__isnull=False),
            ),
            models.CheckConstraint(
                name="requests_exported",
                condition=~Q(status__in=["exported", "processing"]) | Q(exported_at__isnull=False),
            ),
            models.CheckConstraint(
                name="requests_answered",
                condition=~Q(status="completed") | Q(result_received_at__isnull=False),
            ),
        ]
        indexes = [
            # Serves the exporter's claim: priority first, then age.
            models.Index(
                F("priority").desc(),
                F("created_at").asc(),
                F("id").asc(),
                name="requests_claim",
                condition=Q(is_waiting=True),
            ),
            models.Index(fields=["export_batch"], name="requests_batch", condition=Q(export_batch__isnull=False)),
            models.Index(fields=["user", "-created_at", "-id"], name="requests_own"),
            models.Index(fields=["-created_at", "-id"], name="requests_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.query_type} {self.id}"


class Response(models.Model):
    """The answer of a request: Elasticsearch's search response, or a problem document where it failed.

    ``id`` is the result record's own, so that the same record never enters twice.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    request = models.OneToOneField(Request, on_delete=models.PROTECT, related_name="response")
    result_data = JsonTextField(null=True, blank=True)
    result_count = models.PositiveBigIntegerField(null=True, blank=True)
    execution_time_ms = models.PositiveBigIntegerField(null=True, blank=True)
    elasticsearch_took_ms = models.PositiveBigIntegerField(null=True, blank=True)
    executed_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField()
    import_batch = models.ForeignKey(
        "transfer.ImportBatch", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    is_cached = models.BooleanField(default=False)
    cache_age_s = models.PositiveBigIntegerField(null=True, blank=True)
    cache_key = models.CharField(max_length=255, blank=True, default="")
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "responses"
        ordering = ["-received_at", "-id"]
        indexes = [models.Index(fields=["-received_at", "-id"], name="responses_newest")]

    def __str__(self) -> str:
        return f"answer of {self.request_id}"


class Cancellation(models.Model):
    """The wish to give up a request that may have left: it travels as a record of its own.

    ::

        pending --T1--> queued --T2--> exported --holdings--> confirmed
           ^               |              |                       |
           +-- batch failed or superseded +-----------------------+   while the request is not final
        exported, confirmed --discarded there--> ended;  queued --no bundle can hold it--> ended
        ended --asked again--> pending

    The request itself changes when its answer comes: ``cancelled``, or the result where it was too late.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    request = models.OneToOneField(Request, on_delete=models.PROTECT, related_name="cancellation")
    user_id = models.UUIDField(help_text="who asked for it")
    status = models.CharField(max_length=20, choices=CancellationStatus.choices, default=CancellationStatus.PENDING)
    asked_at = models.DateTimeField()
    export_batch = models.ForeignKey(
        "transfer.ExportBatch", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        db_table = "request_cancellations"
        ordering = ["-asked_at", "-id"]
        constraints = [
            models.CheckConstraint(
                name="request_cancellations_status", condition=Q(status__in=CancellationStatus.values)
            ),
            models.CheckConstraint(
                name="request_cancellations_pinned", condition=Q(status="pending") | Q(export_batch__isnull=False)
            ),
        ]
        indexes = [
            # Serves the exporter's claim: almost always empty.
            models.Index(fields=["asked_at", "id"], name="request_cancellations_claim", condition=Q(status="pending")),
            models.Index(
                fields=["export_batch"], name="request_cancellations_batch", condition=Q(export_batch__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"cancellation of {self.request_id}"


class IdempotencyKey(models.Model):
    """The first answer under a client's Idempotency-Key: the same body again gets the same request."""

    id = models.BigAutoField(primary_key=True)
    user_id = models.UUIDField()
    key = models.CharField(max_length=255)
    body_hash = models.CharField(max_length=64)
    request = models.ForeignKey(Request, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        db_table = "idempotency_keys"
        constraints = [models.UniqueConstraint(fields=["user_id", "key"], name="idempotency_keys_unique")]

    def __str__(self) -> str:
        return self.key
