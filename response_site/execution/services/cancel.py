"""Giving requests up, as their askers wished."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection

from common_apps.transfer.bundle import records
from response_site.execution.choices import ResultStatus
from response_site.execution.models import Cancellation, QueryResult

_CANCEL = """
WITH wished AS MATERIALIZED (
    SELECT DISTINCT request_id FROM cancellations WHERE request_id = ANY(%(request_ids)s::uuid[])
)
UPDATE incoming_requests AS waiting
SET status = 'cancelled', completed_at = %(at)s, assigned_worker = ''
FROM wished
WHERE waiting.original_request_id = wished.request_id AND waiting.status IN ('pending', 'retry')
RETURNING waiting.id, waiting.original_request_id, waiting.priority
"""


def enter_cancellations(
    *, cancels: Sequence[records.Cancel], import_batch_id: UUID, at: datetime
) -> tuple[int, int, tuple[UUID, ...]]:
    """Keeps the wishes that are new here: (entered, known, ids known here with another content)."""
    known = Cancellation.objects.in_bulk([cancel.id for cancel in cancels])
    conflicts = tuple(
        cancel.id
        for cancel in cancels
        if (row := known.get(cancel.id)) and (row.request_id, row.user_id) != (cancel.request_id, cancel.user_id)
    )
    entered = Cancellation.objects.bulk_create(
        Cancellation(
            id=cancel.id,
            request_id=cancel.request_id,
            user_id=cancel.user_id,
            asked_at=cancel.timestamp,
            imported_at=at,
            import_batch_id=import_batch_id,
        )
        for cancel in cancels
        if cancel.id not in known
    )
    return len(entered), len(known) - len(conflicts), conflicts


def cancel_waiting(*, request_ids: Collection[UUID], at: datetime) -> int:
    """Ends those of the requests (ids of the request site) that wait here and were to be given up; how many.

    Each gets its answer, `cancelled`. What a drain has in hand is not touched: it is too late, the result stands.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CANCEL, {"at": at, "request_ids": "{{{}}}".format(",".join(map(str, request_ids)))})
        cancelled = cursor.fetchall()
    QueryResult.objects.bulk_create(
        QueryResult(
            request_id=row_id,
            original_request_id=original_id,
            status=ResultStatus.CANCELLED,
            priority=priority,
            pending_since=at,
        )
        for row_id, original_id, priority in cancelled
    )
    return len(cancelled)
