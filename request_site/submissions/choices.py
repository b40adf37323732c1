"""The states of a request on the request site, and of the wish to give one up."""

from __future__ import annotations

from django.db import models


class RequestStatus(models.TextChoices):
    """See the drawing at Request."""

    PENDING = "pending"
    QUEUED = "queued"
    EXPORTED = "exported"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @classmethod
    def final(cls) -> tuple[RequestStatus, ...]:
        """States that never change."""
        return (cls.COMPLETED, cls.FAILED, cls.CANCELLED)


class CancellationStatus(models.TextChoices):
    """See the drawing at Cancellation."""

    PENDING = "pending"
    QUEUED = "queued"
    EXPORTED = "exported"
    CONFIRMED = "confirmed"
    ENDED = "ended"
