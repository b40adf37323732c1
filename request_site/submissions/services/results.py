"""Enters the answers that came across, a bundle in a handful of statements."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import msgspec
from django.db import connection, transaction

from common_apps.transfer.bundle.records import Result
from request_site.submissions.choices import RequestStatus

_FINAL = tuple(status.value for status in RequestStatus.final())

# Lives as long as the connection, so that only its first bundle pays for making it. PgBouncer keeps connections over
# an upgrade: with other columns it needs another number.
_STAGE = """
    CREATE TEMPORARY TABLE IF NOT EXISTS incoming_results_1 (
        id uuid, request_id uuid, status text, result json, result_count bigint, execution_time_ms bigint,
        elasticsearch_took_ms bigint, cache_hit boolean, cache_age_s bigint, executed_at timestamptz,
        error_code text, error_message text,
        user_id uuid, query_type text, query_params json, priority smallint, asked_at timestamptz, trace_id uuid
    ) ON COMMIT DELETE ROWS;
    DELETE FROM incoming_results_1
"""
_COPY = "COPY incoming_results_1 FROM STDIN"
# Forgotten here (a backup was put back): the record brings its request along. Without a request there is nothing
# that the answer could belong to.
_RECOVER = """
    INSERT INTO requests (id, user_id, query_type, query_params, status, priority, created_at, result_received_at,
                          retry_count, error_code, error_message, metadata, trace_id, recovered)
    SELECT DISTINCT ON (request_id) request_id, user_id, query_type, query_params, status, priority, asked_at,
           %(at)s::timestamptz, 0, error_code, error_message, '{}'::json, trace_id, true
    FROM incoming_results_1 WHERE user_id IS NOT NULL ORDER BY request_id, id
    ON CONFLICT DO NOTHING RETURNING id
"""
_LOCK = """
    SELECT id FROM requests WHERE id IN (SELECT request_id FROM incoming_results_1)
    AND (status <> ALL(%(final)s) OR id = ANY(%(recovered)s)) ORDER BY id FOR UPDATE
"""
_ENTER = """
    INSERT INTO responses (id, request_id, result_data, result_count, execution_time_ms, elasticsearch_took_ms,
                           executed_at, received_at, import_batch_id, is_cached, cache_age_s, cache_key, metadata)
    SELECT DISTINCT ON (request_id) id, request_id, result, result_count, execution_time_ms, elasticsearch_took_ms,
           executed_at, %(at)s::timestamptz, %(batch)s, cache_hit, cache_age_s, '', '{}'::jsonb
    FROM incoming_results_1 WHERE request_id = ANY(%(open)s) ORDER BY request_id, id
    ON CONFLICT DO NOTHING RETURNING id
"""
_FINISH = """
    UPDATE requests SET status = i.status, result_received_at = %(at)s, error_code = i.error_code,
           error_message = i.error_message
    FROM incoming_results_1 i WHERE i.id = ANY(%(entered)s) AND requests.id = i.request_id
"""


class _Problem(msgspec.Struct):
    """What is read of a failure's problem document."""

    code: str = "execution_failed"
    detail: str = ""


class _Cursor(Protocol):
    """What is used of Django's cursor around psycopg's."""

    def execute(self, statement: str, parameters: dict[str, Any] | None = None) -> object: ...
    def fetchall(self) -> list[tuple[Any, ...]]: ...
    def copy(self, statement: str) -> Any: ...


def enter_results(*, results: Sequence[Result], import_batch_id: UUID, at: datetime) -> int:
    """Enters answers and finishes their requests; how many were entered.

    The first answer of a request stands: a second one, and any for a request that is final already, is passed over, as
    is one whose request neither this site nor the record knows. Called inside the import's transaction.
    """
    if not results:
        return 0
    # A transaction of its own where the caller has none: the staged rows would be gone after the first statement.
    with transaction.atomic(), connection.cursor() as cursor:
        return _enter(cursor, results, import_batch_id, at)


def _enter(cursor: _Cursor, results: Sequence[Result], import_batch_id: UUID, at: datetime) -> int:
    cursor.execute(_STAGE)
    with cursor.copy(_COPY) as copy:
        for result in results:
            copy.write_row(_row(result))
    recovered = _ids(cursor, _RECOVER, {"at": at})
    is_open = _ids(cursor, _LOCK, {"final": list(_FINAL), "recovered": recovered})
    entered = _ids(cursor, _ENTER, {"at": at, "batch": import_batch_id, "open": is_open})
    cursor.execute(_FINISH, {"at": at, "entered": entered})
    return len(entered)


def _ids(cursor: _Cursor, statement: str, parameters: dict[str, Any]) -> list[UUID]:
    cursor.execute(statement, parameters)
    return [row[0] for row in cursor.fetchall()]


def _row(result: Result) -> tuple[Any, ...]:
    raw = bytes(result.result)
    problem = _read_problem(raw) if result.status == "failed" else _Problem(code="")
    asked = result.request if result.request is not None and result.request.id == result.request_id else None
    return (
        result.id,
        result.request_id,
        result.status,
        None if raw == b"null" else raw.decode(),
        result.result_count,
        result.execution_time_ms,
        result.elasticsearch_took_ms,
        result.cache.hit,
        result.cache.age_s,
        result.executed_at,
        problem.code[:64],
        problem.detail,
        *(
            (None, None, None, None, None, None)
            if asked is None
            else (
                asked.user_id,
                asked.query_type,
                bytes(asked.query_params).decode(),
                asked.priority,
                asked.timestamp,
                asked.trace_id,
            )
        ),
    )


def _read_problem(raw: bytes) -> _Problem:
    try:
        return msgspec.json.decode(raw, type=_Problem)
    except msgspec.ValidationError:
        return _Problem()
