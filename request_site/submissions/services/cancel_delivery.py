"""How wishes to give requests up travel, as records of the stream ``requests``. Called by its sender, in transfer's
transactions.

A wish travels as long as its request has no answer: after that it is of no use to anybody.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

_OPEN = "NOT (requests.status = ANY('{completed,failed,cancelled}'))"
_TRAVELLING = "('queued', 'exported', 'confirmed')"
_CLAIM = f"""
    WITH picked AS MATERIALIZED (
        SELECT wish.id FROM request_cancellations AS wish JOIN requests ON requests.id = wish.request_id
        WHERE wish.status = 'pending' AND {_OPEN}
        ORDER BY wish.asked_at, wish.id LIMIT %s FOR UPDATE OF wish SKIP LOCKED
    )
    UPDATE request_cancellations AS wish SET status = 'queued', export_batch_id = %s
    FROM picked WHERE wish.id = picked.id
"""  # noqa: S608 - constants
_WAITING = f"""
    SELECT count(*), min(wish.asked_at)
    FROM request_cancellations AS wish JOIN requests ON requests.id = wish.request_id
    WHERE wish.status = 'pending' AND {_OPEN}
"""  # noqa: S608 - constants
# For the sender's query: the pinned wishes as (id, line).
CANCEL_LINES = """
    SELECT id, concat(
        '{"type":"cancel","id":"', id, '","request_id":"', request_id, '","user_id":"', user_id,
        '","timestamp":"', to_char(asked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '"}'
    )
    FROM request_cancellations WHERE export_batch_id = %s AND status = 'queued'
"""
_REQUEUE = f"""
    UPDATE request_cancellations AS wish SET status = 'pending' FROM requests
    WHERE wish.export_batch_id = %s AND wish.status IN {_TRAVELLING} AND (%s OR wish.id = ANY(%s))
      AND requests.id = wish.request_id AND ({_OPEN} OR wish.status = 'queued')
"""  # noqa: S608 - constants


def count_waiting_cancels() -> tuple[int, datetime | None]:
    """How many wait to travel, and since when the oldest does."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING)
        count, oldest = cursor.fetchone()
        return count, oldest


def claim_cancels(*, batch_id: UUID, limit: int) -> int:
    """T1: pins up to ``limit`` wishes; how many."""
    return _execute(_CLAIM, [limit, batch_id])


def mark_cancels_exported(*, batch_id: UUID) -> int:
    """T2."""
    return _move(batch_id, "queued", "exported")


def confirm_cancels(*, batch_id: UUID) -> int:
    """The other site knows of them."""
    return _move(batch_id, "exported", "confirmed")


def end_cancels(*, batch_id: UUID) -> int:
    """The other site's operator has discarded the bundle: what was asked for stays undone, until it is asked again."""
    return _move(batch_id, "exported", "ended") + _move(batch_id, "confirmed", "ended")


def reject_cancels(*, batch_id: UUID, only: Collection[UUID]) -> int:
    """No bundle can hold those of ``only``: they end as the discarded ones do."""
    return _execute(
        "UPDATE request_cancellations SET status = 'ended'"
        " WHERE export_batch_id = %s AND status = 'queued' AND id = ANY(%s)",
        [batch_id, list(only)],
    )


def requeue_cancels(*, batch_id: UUID, only: Collection[UUID] | None = None) -> int:
    """Wishes of the batch (or those of ``only``) wait again, unless their requests have an answer; how many."""
    return _execute(_REQUEUE, [batch_id, only is None, list(only or ())])


def _move(batch_id: UUID, status: str, to: str) -> int:
    return _execute(
        "UPDATE request_cancellations SET status = %s WHERE export_batch_id = %s AND status = %s",
        [to, batch_id, status],
    )


def _execute(statement: str, parameters: list[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.rowcount
