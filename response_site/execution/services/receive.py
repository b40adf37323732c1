"""Entering requests that came across."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import IntegrityError, connection, transaction
from psycopg.errors import UniqueViolation

from common_apps.core import strict_json
from common_apps.core.binary_copy import copy_rows, pack_int2, pack_jsonb, pack_text, pack_time, pack_uuid, pack_uuids
from common_apps.core.ids import new_id
from common_apps.transfer.bundle import records
from common_apps.transfer.bundle.codec import ENCODER
from common_apps.transfer.bundle.limits import DEFAULT_LIMITS
from response_site.execution.choices import IncomingStatus

# Unknown users have no priority of their own: their request waits as an ordinary one for its refusal.
_DEFAULT_PRIORITY = 5

_COLUMNS = (
    "id", "original_request_id", "user_id", "query_type", "query_params", "asked_at", "trace_id", "record", "priority",
    # The same in all rows of a bundle.
    "imported_at", "import_batch_id", "status", "available_at", "assigned_worker", "retry_count", "lost_leases",
    "error_message", "metadata",
)  # fmt: skip
_PRIORITIES = "SELECT id, priority FROM users WHERE id = ANY(%s::uuid[])"
_TABLE = "CREATE TEMPORARY TABLE arriving (LIKE incoming_requests) ON COMMIT DROP"
_INSERT = f"""
INSERT INTO incoming_requests ({", ".join(_COLUMNS)}) SELECT {", ".join(_COLUMNS)} FROM arriving
ORDER BY original_request_id
ON CONFLICT (original_request_id) DO NOTHING
"""  # noqa: S608 - our own words
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
    if not requests:
        return EnteredRequests(entered=0, known=0, conflicts=(), to_execute=0)
    with connection.cursor() as cursor:
        priorities = _priorities(cursor, requests)
        try:
            with transaction.atomic():
                copy_rows("incoming_requests", _COLUMNS, _to_rows(requests, priorities, import_batch_id, at))
        except IntegrityError as error:
            if not isinstance(error.__cause__, UniqueViolation):
                raise
            return _enter_unknown(cursor, _to_rows(requests, priorities, import_batch_id, at), at)
    return EnteredRequests(entered=len(requests), known=0, conflicts=(), to_execute=len(requests))


def _enter_unknown(cursor: Any, rows: Iterator[bytes], at: datetime) -> EnteredRequests:
    """Some are known: seldom so, and then each is compared."""
    cursor.execute(_TABLE)
    copy_rows("arriving", _COLUMNS, rows)
    cursor.execute(_INSERT)
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


def _priorities(cursor: Any, requests: Sequence[records.Request]) -> dict[UUID, int]:
    asking = {request.user_id for request in requests}
    # As one text: a list of parameters is put together by far slower.
    cursor.execute(_PRIORITIES, ["{{{}}}".format(",".join(map(str, asking)))])
    return dict(cursor.fetchall())


def _to_rows(
    requests: Sequence[records.Request], priorities: dict[UUID, int], import_batch_id: UUID, at: datetime
) -> Iterator[bytes]:
    shared = b"".join(
        (
            pack_time(at),
            pack_uuid(import_batch_id),
            pack_text(IncomingStatus.PENDING),
            pack_time(at),
            pack_text(""),
            pack_int2(0),
            pack_int2(0),
            pack_text(""),
            pack_jsonb(b"{}"),
        )
    )
    # Their raw JSON came on lines of its own, so it holds no line break.
    lines = ENCODER.encode_lines(requests).split(b"\n")[:-1]
    for request, params, line in zip(requests, _spell_params(requests), lines, strict=True):
        yield b"".join(
            (
                pack_uuids(new_id(), request.id, request.user_id),
                pack_text(request.query_type),
                pack_text(params),
                pack_time(request.timestamp),
                pack_uuid(request.trace_id),
                pack_text(_to_carry_back(line)),
                pack_int2(priorities.get(request.user_id, _DEFAULT_PRIORITY)),
                shared,
            )
        )


def _spell_params(requests: Sequence[records.Request]) -> list[bytes]:
    """query_params as they are written from the parsed value: what JSON may spell and numeric can't hold (1e-20000) is
    then a double's.
    """
    raws = [bytes(request.query_params) for request in requests]
    together = b"[" + b",".join(raws) + b"]"
    values = msgspec.json.decode(together)
    if msgspec.json.encode(values) == together:
        return raws
    return [msgspec.json.encode(value) for value in values]


def _to_carry_back(line: bytes) -> bytes:
    """The record as its answer brings it along; empty where it is nested so deep that no answer's line can hold it."""
    deepest = DEFAULT_LIMITS.json_depth - 1
    if line.count(b"{") + line.count(b"[") > deepest:
        try:
            strict_json.loads(line, max_depth=deepest)
        except strict_json.StrictJsonError:
            return b""
    return line
