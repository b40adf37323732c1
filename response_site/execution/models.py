"""Requests that came across, and what their execution gave."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from common_apps.core.fields import JsonTextField
from common_apps.core.ids import new_id
from response_site.execution.choices import DeliveryStatus, IncomingStatus, ResultStatus


class IncomingRequest(models.Model):
    """One request as carried over, waiting in PostgreSQL's queue.

    ::

        pending --claim--> processing --answer--> completed | failed   (final)
           |  ^               |   |
           |  |  engine down, |   | a failure that may pass, or the lease ran out
           |  +---------------+   +--> retry (available_at) --claim--> processing
           +--cancel--> cancelled (final)  <--cancel--+

    A lease is ``started_at`` and ``assigned_worker``. ``retry_count`` counts failures, ``lost_leases`` the workers that
    died with the row in hand. ``user_id`` is a plain uuid: the request may come before its user. Priority and whitelist
    are those of this site's own rows, never the record's word.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    original_request_id = models.UUIDField(unique=True)
    user_id = models.UUIDField(db_index=True)
    query_type = models.CharField(max_length=100)
    query_params = JsonTextField()
    elasticsearch_query = JsonTextField(null=True, blank=True)
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
    lost_leases = models.PositiveSmallIntegerField(default=0)
    error_message = models.TextField(blank=True, default="")
    metadata = models.JSONField(default=dict, blank=True)
    trace_id = models.UUIDField(default=new_id, editable=False)
    # As text: it goes back byte for byte, and nobody asks for what is in it.
    record = models.TextField(
        blank=True, editable=False, help_text="the request's own record, sent back with its answer"
    )

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
            models.Index(fields=["-imported_at", "-id"], name="incoming_requests_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.query_type} {self.original_request_id}"


class QueryResult(models.Model):
    """The one answer of a request, on its way to the asker.

    ::

        pending --T1--> queued --T2--> exported --holdings--> confirmed
           ^               |              |                      |
           +-- batch failed, superseded, discarded, or asked again +

    ``is_waiting`` stands for ``pending`` in the claim's index, so that what comes after is heap-only (as of requests).
    ``id`` is the record's own on the wire. An answer that the peer's operator discarded is replaced in place: a new id,
    failure ``answer_discarded``, and in ``metadata`` what stood there.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    request = models.OneToOneField(IncomingRequest, on_delete=models.PROTECT, related_name="result")
    original_request_id = models.UUIDField(unique=True)
    status = models.CharField(max_length=20, choices=ResultStatus.choices)
    result_data = JsonTextField(null=True, blank=True)
    result_bytes = models.BigIntegerField(default=0, help_text="size of result_data as JSON, bytes")
    result_count = models.BigIntegerField(null=True, blank=True)
    execution_time_ms = models.BigIntegerField(null=True, blank=True)
    elasticsearch_took_ms = models.BigIntegerField(null=True, blank=True)
    cache_hit = models.BooleanField(default=False)
    cache_age_s = models.BigIntegerField(null=True, blank=True)
    executed_at = models.DateTimeField(null=True, blank=True)
    priority = models.PositiveSmallIntegerField(default=5)
    delivery = models.CharField(max_length=20, choices=DeliveryStatus.choices, default=DeliveryStatus.PENDING)
    is_waiting = models.GeneratedField(
        expression=models.ExpressionWrapper(Q(delivery="pending"), output_field=models.BooleanField()),
        output_field=models.BooleanField(),
        db_persist=True,
    )
    pending_since = models.DateTimeField(help_text="since when it waits, or had waited, to be exported")
    exported_at = models.DateTimeField(null=True, blank=True)
    # Without an index of its own: query_results_batch is the same.
    export_batch = models.ForeignKey(
        "transfer.ExportBatch", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    confirmed_at = models.DateTimeField(null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "query_results"
        ordering = ["-pending_since", "-id"]
        constraints = [
            models.CheckConstraint(name="query_results_status", condition=Q(status__in=ResultStatus.values)),
            models.CheckConstraint(name="query_results_delivery", condition=Q(delivery__in=DeliveryStatus.values)),
            models.CheckConstraint(
                name="query_results_pinned",
                condition=Q(delivery="pending") | Q(export_batch__isnull=False),
            ),
            models.CheckConstraint(
                name="query_results_exported",
                condition=~Q(delivery__in=["exported", "confirmed"]) | Q(exported_at__isnull=False),
            ),
            models.CheckConstraint(
                name="query_results_confirmed",
                condition=~Q(delivery="confirmed") | Q(confirmed_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                F("priority").desc(),
                F("pending_since").asc(),
                F("id").asc(),
                name="query_results_claim",
                condition=Q(is_waiting=True),
            ),
            models.Index(fields=["export_batch"], name="query_results_batch", condition=Q(export_batch__isnull=False)),
            models.Index(fields=["-pending_since", "-id"], name="query_results_newest"),
        ]

    def __str__(self) -> str:
        return f"result of {self.original_request_id}"


class Cancellation(models.Model):
    """The asker's wish that a request be given up; kept also for a request that has not come yet.

    It cancels a row that waits, now or when it comes; one that is being executed or is final keeps its answer.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    request_id = models.UUIDField(db_index=True, help_text="the request's id on the request site")
    user_id = models.UUIDField()
    asked_at = models.DateTimeField()
    imported_at = models.DateTimeField()
    import_batch = models.ForeignKey(
        "transfer.ImportBatch", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        db_table = "cancellations"
        ordering = ["-imported_at", "-id"]

    def __str__(self) -> str:
        return f"cancellation of {self.request_id}"
