"""Entering requests that came across."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec
from django.db import connection

from common_apps.core import strict_json
from common_apps.core.ids import new_id
from common_apps.transfer.bundle import records
from common_apps.transfer.bundle.codec import encode_record
from common_apps.transfer.bundle.limits import DEFAULT_LIMITS

# Unknown users have no priority of their own: their request waits as an ordinary one for its refusal.
_DEFAULT_PRIORITY = 5

_TABLE = """
CREATE TEMPORARY TABLE arriving (
    id uuid, original_request_id uuid, user_id uuid, query_type text, query_params json, asked_at timestamptz,
    trace_id uuid, record text
) ON COMMIT DROP
"""
_COPY = """
COPY arriving (id, original_request_id, user_id, query_type, query_params, asked_at, trace_id, record) FROM STDIN
"""
_INSERT = """
INSERT INTO incoming_requests (
    id, original_request_id, user_id, query_type, query_params, priority, asked_at, imported_at, import_batch_id,
    status, available_at, assigned_worker, retry_count, lost_leases, error_message, metadata, trace_id, record
)
SELECT arriving.id, arriving.original_request_id, arriving.user_id, arriving.query_type, arriving.query_params,
       COALESCE(users.priority, %(priority)s), arriving.asked_at, %(at)s, %(batch)s,
       'pending', %(at)s, '', 0, 0, '', '{}', arriving.trace_id, arriving.record
FROM arriving LEFT JOIN users ON users.id = arriving.user_id
ORDER BY arriving.original_request_id
ON CONFLICT (original_request_id) DO NOTHING
RETURNING id
"""
# jsonb compares as parsed JSON does: without regard to spaces, the order of names, or 1 and 1.0.
_KNOWN = """
SELECT held.original_request_id,
       (held.user_id, held.query_type, held.query_params::jsonb)
           = (arriving.user_id, arriving.query_type, arriving.query_params::jsonb)
FROM arriving JOIN incoming_requests AS held USING (original_request_id)
WHERE held.id <> arriving.id
ORDER BY held.original_request_id
"""
_SEND_AGAIN = """
UPDATE query_results SET delivery = 'pending', export_batch_id = NULL, pending_since = %(at)s
WHERE original_request_id = ANY(%(ids)s) AND delivery = 'confirmed'
"""
_EXECUTE_AGAIN = """
UPDATE incoming_requests AS answered
SET status = 'pending', available_at = %(at)s, assigned_worker = '', started_at = NULL, completed_at = NULL,
    retry_count = 0, lost_leases = 0, error_message = ''
WHERE answered.original_request_id = ANY(%(ids)s)
  AND answered.status IN ('completed', 'failed', 'cancelled')
  AND NOT EXISTS (SELECT 1 FROM query_results WHERE query_results.request_id = answered.id)
"""


@dataclass(frozen=True, slots=True)
class EnteredRequests:
    """What became of a bundle's requests; ``to_execute``: rows that a drain may now claim."""

    entered: int
    known: int
    conflicts: tuple[UUID, ...]
    to_execute: int


def enter_requests(*, requests: Sequence[records.Request], import_batch_id: UUID, at: datetime) -> EnteredRequests:
    """Enters what is not known yet, set by set, in the order of the ids. Runs inside the caller's transaction.

    A known request of the same content (user_id, query_type, query_params as parsed JSON) changes nothing; but when its
    answer was confirmed, the asker has lost it and it is sent again, and when the answer is gone, too, it is executed
    again. Another content under a known id is a conflict: the first stands.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TABLE)
        with cursor.copy(_COPY) as copy:
            for request in requests:
                copy.write_row(_to_row(request))
        cursor.execute(_INSERT, {"at": at, "batch": import_batch_id, "priority": _DEFAULT_PRIORITY})
        entered = cursor.rowcount
        cursor.execute(_KNOWN)
        compared = cursor.fetchall()
        same = [request_id for request_id, is_same in compared if is_same]
        again = 0
        if same:
            cursor.execute(_SEND_AGAIN, {"at": at, "ids": same})
            cursor.execute(_EXECUTE_AGAIN, {"at": at, "ids": same})
            again = cursor.rowcount
        cursor.execute("DROP TABLE arriving")
    return EnteredRequests(
        entered=entered,
        known=len(same),
        conflicts=tuple(request_id for request_id, is_same in compared if not is_same),
        to_execute=entered + again,
    )


def _to_row(request: records.Request) -> tuple[object, ...]:
    # Written anew from the parsed value: what JSON may spell and numeric can't hold (1e-20000) is then a double's.
    params = msgspec.json.encode(msgspec.json.decode(request.query_params))
    return (
        new_id(),
        request.id,
        request.user_id,
        request.query_type,
        params.decode(),
        request.timestamp,
        request.trace_id,
        _to_carry_back(request),
    )


def _to_carry_back(request: records.Request) -> str:
    """The record as its answer brings it along; empty where it is nested so deep that no answer's line can hold it."""
    line = encode_record(request)
    deepest = DEFAULT_LIMITS.json_depth - 1
    if line.count(b"{") + line.count(b"[") > deepest:
        try:
            strict_json.loads(line, max_depth=deepest)
        except strict_json.StrictJsonError:
            return ""
    return line.decode()
