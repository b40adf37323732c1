"""What is kept for a while only."""

from __future__ import annotations

from datetime import timedelta

from common_apps.core import clock
from request_site.submissions.models import IdempotencyKey

# A client that tries for longer than this is broken; the request itself stays.
IDEMPOTENCY_DAYS = 7


def expire_idempotency_keys() -> int:
    """Forgets keys that are older than a week; how many. The same key then makes a new request."""
    before = clock.now() - timedelta(days=IDEMPOTENCY_DAYS)
    return IdempotencyKey.objects.filter(created_at__lt=before).delete()[0]
