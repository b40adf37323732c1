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

    @classmethod
    def waiting(cls) -> tuple[IncomingStatus, ...]:
        """States that a drain may claim from."""
        return (cls.PENDING, cls.RETRY)


class ResultStatus(models.TextChoices):
    """What an answer says of its request."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class DeliveryStatus(models.TextChoices):
    """See the drawing at QueryResult."""

    PENDING = "pending"
    QUEUED = "queued"
    EXPORTED = "exported"
    CONFIRMED = "confirmed"
