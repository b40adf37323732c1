"""Taking rows from the queue, which is PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

BATCH_SIZE = 50
# No row waits for longer. One that seems to was written by a clock that has been put back since: it is due.
FARTHEST = timedelta(minutes=10)

_RELEASE = """
UPDATE incoming_requests SET status = 'retry', assigned_worker = '', available_at = %(now)s,
       lost_leases = lost_leases + 1
WHERE id IN (
    SELECT id FROM incoming_requests WHERE status = 'processing' AND NOT started_at BETWEEN %(expired)s AND %(future)s
    ORDER BY id FOR UPDATE SKIP LOCKED
)
"""
_SELECT = """
SELECT id, original_request_id, user_id, query_type, query_params::text, priority, retry_count, lost_leases, trace_id,
       octet_length(record)
FROM incoming_requests
WHERE status IN ('pending', 'retry') AND NOT (available_at > %(now)s AND available_at <= %(farthest)s)
ORDER BY priority DESC, asked_at, id
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED
"""
_CLAIM = """
UPDATE incoming_requests SET status = 'processing', assigned_worker = %(worker)s, started_at = %(now)s
WHERE id = ANY(%(ids)s)
"""
_CLAIMABLE = """
SELECT (SELECT count(*) FROM (
            SELECT 1 FROM incoming_requests
            WHERE status IN ('pending', 'retry') AND NOT (available_at > %(now)s AND available_at <= %(farthest)s)
            LIMIT %(limit)s) AS waiting)
     + (SELECT count(*) FROM (
            SELECT 1 FROM incoming_requests
            WHERE status = 'processing' AND NOT started_at BETWEEN %(expired)s AND %(future)s LIMIT %(limit)s) AS lost)
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """A row in a worker's hand. ``query_params``: JSON text; ``record_bytes``: size of the request's own record."""

    id: UUID
    original_request_id: UUID
    user_id: UUID
    query_type: str
    query_params: str
    priority: int
    retry_count: int
    lost_leases: int
    trace_id: UUID
    record_bytes: int


def lease() -> timedelta:
    """How long a worker may hold a row before it counts as dead: two searches that run out of time, and a minute."""
    return timedelta(seconds=2 * settings.QUERY_TIMEOUT + 60)


def claim_batch(*, worker: str, limit: int = BATCH_SIZE, now: datetime) -> list[Claim]:
    """Up to ``limit`` rows, by priority DESC, then age, for ``worker``, a name that no other drain has.

    Rows of dead workers come back first of all. A row that a worker was lost with is claimed alone: if it is what kills
    the workers, it takes nobody along.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_RELEASE, {"now": now, "expired": now - lease(), "future": now + lease()})
        cursor.execute(_SELECT, {"now": now, "farthest": now + FARTHEST, "limit": limit})
        rows = [Claim(*row) for row in cursor.fetchall()]
        claims = rows[:1] if rows and rows[0].lost_leases else list(takewhile(lambda row: not row.lost_leases, rows))
        if claims:
            cursor.execute(_CLAIM, {"worker": worker, "now": now, "ids": [claim.id for claim in claims]})
    return claims


def count_claimable(*, now: datetime, limit: int) -> int:
    """How many rows a drain could claim now, and rows of dead workers; of each it counts no further than ``limit``."""
    with connection.cursor() as cursor:
        leases = {"expired": now - lease(), "future": now + lease()}
        cursor.execute(_CLAIMABLE, {"now": now, "farthest": now + FARTHEST, "limit": limit, **leases})
        return int(cursor.fetchone()[0])
