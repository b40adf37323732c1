"""Requests that came across, and what their execution gave."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from common_apps.core.ids import new_id
from response_site.execution.choices import DeliveryStatus, IncomingStatus, ResultStatus


class IncomingRequest(models.Model):
    """One request as carried over, waiting in PostgreSQL's queue.

    ::

        pending --claim--> processing --answer--> completed | failed | cancelled   (final)
           ^                  |   |
           |    lease ran out |   | failure that may pass
           +------------------+   +--> retry (available_at) --claim--> processing

    ``user_id`` is a plain uuid: the request may come before its user. Priority and whitelist are those of this
    site's own rows, never the record's word.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    original_request_id = models.UUIDField(unique=True)
    user_id = models.UUIDField()
    query_type = models.CharField(max_length=50)
    query_params = models.JSONField()
    elasticsearch_query = models.JSONField(null=True, blank=True)
    priority = models.PositiveSmallIntegerField(default=5)
    asked_at = models.DateTimeField(help_text="when the user asked, on the request site's clock")
    imported_at = models.DateTimeField()
    import_batch = models.ForeignKey(
        "transfer.ImportBatch", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    status = models.CharField(max_length=20, choices=IncomingStatus.choices, default=IncomingStatus.PENDING)
    available_at = models.DateTimeField(help_text="not to be claimed before this time (backoff)")
    assigned_worker = models.CharField(max_length=255, blank=True, default="")
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    retry_count = models.PositiveSmallIntegerField(default=0)
    error_message = models.TextField(blank=True, default="")
    metadata = models.JSONField(default=dict, blank=True)
    trace_id = models.UUIDField(default=new_id, editable=False)
    record = models.JSONField(help_text="the request's own record, sent back with its answer")

    class Meta:
        db_table = "incoming_requests"
        ordering = ["-imported_at", "-id"]
        constraints = [
            models.CheckConstraint(name="incoming_requests_status", condition=Q(status__in=IncomingStatus.values)),
            models.CheckConstraint(name="incoming_requests_priority", condition=Q(priority__range=(1, 10))),
            models.CheckConstraint(name="incoming_requests_retry_count", condition=Q(retry_count__range=(0, 5))),
            models.CheckConstraint(
                name="incoming_requests_started",
                condition=~Q(status="processing") | Q(started_at__isnull=False),
            ),
            models.CheckConstraint(
                name="incoming_requests_completed",
                condition=~Q(status__in=["completed", "failed", "cancelled"]) | Q(completed_at__isnull=False),
            ),
        ]
        indexes = [
            # Serves the drains' claim: priority first, then age.
            models.Index(
                F("priority").desc(),
                F("asked_at").asc(),
                F("id").asc(),
                name="incoming_requests_claim",
                condition=Q(status__in=["pending", "retry"]),
            ),
            # Serves the reclaim of rows whose worker died.
            models.Index(fields=["started_at"], name="incoming_requests_leases", condition=Q(status="processing")),
        ]

    def __str__(self) -> str:
        return f"{self.query_type} {self.original_request_id}"


class QueryResult(models.Model):
    """The one answer of a request, on its way to the asker."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    request = models.OneToOneField(IncomingRequest, on_delete=models.PROTECT, related_name="result")
    original_request_id = models.UUIDField(unique=True)
    status = models.CharField(max_length=20, choices=ResultStatus.choices)
    result_data = models.JSONField(null=True, blank=True)
    result_count = models.BigIntegerField(default=0)
    execution_time_ms = models.BigIntegerField(default=0)
    elasticsearch_took_ms = models.BigIntegerField(null=True, blank=True)
    cache_hit = models.BooleanField(default=False)
    cache_age_s = models.BigIntegerField(null=True, blank=True)
    executed_at = models.DateTimeField()
    priority = models.PositiveSmallIntegerField(default=5)
    delivery = models.CharField(max_length=20, choices=DeliveryStatus.choices, default=DeliveryStatus.PENDING)
    exported_at = models.DateTimeField(null=True, blank=True)
    export_batch = models.ForeignKey(
        "transfer.ExportBatch", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "query_results"
        ordering = ["-executed_at", "-id"]
        constraints = [
            models.CheckConstraint(name="query_results_status", condition=Q(status__in=ResultStatus.values)),
            models.CheckConstraint(name="query_results_delivery", condition=Q(delivery__in=DeliveryStatus.values)),
            models.CheckConstraint(
                name="query_results_pinned",
                condition=~Q(delivery__in=["queued", "exported"]) | Q(export_batch__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                F("priority").desc(),
                F("executed_at").asc(),
                F("id").asc(),
                name="query_results_claim",
                condition=Q(delivery="pending"),
            ),
            models.Index(fields=["export_batch"], name="query_results_batch", condition=Q(export_batch__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"result of {self.original_request_id}"
