"""Questions about requests that came across."""

from __future__ import annotations

from response_site.execution.choices import IncomingStatus
from response_site.execution.models import IncomingRequest


def count_unanswered() -> int:
    """How many have come, and are neither answered nor cancelled."""
    return IncomingRequest.objects.exclude(status__in=IncomingStatus.final()).count()
