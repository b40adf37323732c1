"""The states of a request on the response site."""

from __future__ import annotations

from django.db import models


class IncomingStatus(models.TextChoices):
    """See the drawing at IncomingRequest."""

    PENDING = "pending"
    PROCESSING = "processing"
    RETRY = "retry"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @classmethod
    def final(cls) -> tuple[IncomingStatus, ...]:
        """States that never change."""
        return (cls.COMPLETED, cls.FAILED, cls.CANCELLED)


class ResultStatus(models.TextChoices):
    """What an answer says of its request."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class DeliveryStatus(models.TextChoices):
    """Where an answer is on its way to the asker: pending -> queued (T1) -> exported (T2) -> confirmed; or ended."""

    PENDING = "pending"
    QUEUED = "queued"
    EXPORTED = "exported"
    CONFIRMED = "confirmed"
    ENDED = "ended"
