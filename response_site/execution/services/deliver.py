"""Answers on their way to the askers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from common_apps.core.binary_copy import read_rows
from common_apps.core.ids import new_id
from common_apps.transfer.bundle import records
from common_apps.transfer.bundle.codec import encode_record
from common_apps.transfer.bundle.limits import DEFAULT_LIMITS
from common_apps.transfer.registry import Outgoing, Waiting
from response_site.execution.choices import DeliveryStatus, ResultStatus
from response_site.execution.failures import (
    ANSWER_DISCARDED,
    INTERNAL_ERROR,
    RESULT_TOO_LARGE,
    Failure,
    problem_bytes,
)
from response_site.execution.models import QueryResult

# How much is read at once: an exporter's memory must not grow with the answers.
_CHUNK_BYTES = 4 * 1024 * 1024
_CHUNK_ROWS = 100
_MAX_COUNT = 2**31 - 1

_WAITING = "SELECT count(*), min(pending_since) FROM query_results WHERE is_waiting"
_CLAIM = """
UPDATE query_results SET delivery = 'queued', export_batch_id = %(batch)s
WHERE id IN (
    SELECT id FROM query_results WHERE is_waiting
    ORDER BY priority DESC, pending_since, id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
"""
_SIZES = """
SELECT id, result_bytes FROM query_results WHERE export_batch_id = %(batch)s AND delivery = 'queued' ORDER BY id
"""
_READ = """
SELECT answer.id, answer.original_request_id, answer.status, answer.result_data, answer.result_count,
       answer.execution_time_ms, answer.elasticsearch_took_ms, answer.cache_hit, answer.cache_age_s,
       answer.executed_at, request.trace_id, request.record
FROM query_results AS answer JOIN incoming_requests AS request ON request.id = answer.request_id
WHERE answer.id = ANY(%(ids)s)
ORDER BY answer.id
"""
_TYPES = (
    "uuid", "uuid", "text", "bytea", "int8", "int8", "int8", "bool", "int8", "timestamptz", "uuid", "bytea",
)  # fmt: skip
_DISCARDED = """
SELECT answer.id, answer.original_request_id, request.trace_id
FROM query_results AS answer JOIN incoming_requests AS request ON request.id = answer.request_id
WHERE answer.export_batch_id = %(batch)s
ORDER BY answer.id
FOR UPDATE OF answer
"""
_UNWRITABLE = """
SELECT answer.id, answer.original_request_id, request.trace_id
FROM query_results AS answer JOIN incoming_requests AS request ON request.id = answer.request_id
WHERE answer.export_batch_id = %(batch)s AND answer.id = ANY(%(ids)s) AND NOT answer.metadata ? 'unwritable'
ORDER BY answer.id
FOR UPDATE OF answer
"""

_REQUEST = msgspec.json.Decoder(records.Request)


def count_waiting() -> Waiting:
    """How many answers wait to be exported, and since when the first does."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING)
        count, oldest_at = cursor.fetchone()
    return Waiting(count=count, oldest_at=oldest_at)


def claim_results(*, batch_id: UUID, limit: int) -> int:
    """Pins up to ``limit`` answers to the batch, urgent first, then those that wait longest; how many."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"batch": batch_id, "limit": limit})
        return int(cursor.rowcount)


def read_results(*, batch_id: UUID) -> Iterator[Outgoing]:
    """The pinned answers as wire records, by id. One that no line can hold is replaced by the failure that says so."""
    with connection.cursor() as cursor:
        cursor.execute(_SIZES, {"batch": batch_id})
        sizes = cursor.fetchall()
    for ids in _chunks(sizes):
        for row in read_rows(_READ, _TYPES, {"ids": ids}):
            yield Outgoing(id=row[0], line=_to_line(row))


def mark_results_exported(*, batch_id: UUID, at: datetime) -> int:
    """Those that are still pinned have left; how many."""
    return _of(batch_id, DeliveryStatus.QUEUED).update(delivery=DeliveryStatus.EXPORTED, exported_at=at)


def confirm_results(*, batch_id: UUID, at: datetime) -> None:
    """The asker's site has them."""
    _of(batch_id, DeliveryStatus.EXPORTED).update(delivery=DeliveryStatus.CONFIRMED, confirmed_at=at)


def requeue_results(*, batch_id: UUID, only: Collection[UUID] | None = None) -> int:
    """The batch's answers (or those of ``only``) wait again, to travel in another; how many."""
    answers = QueryResult.objects.filter(export_batch_id=batch_id)
    if only is not None:
        answers = answers.filter(id__in=only)
    return answers.update(delivery=DeliveryStatus.PENDING, export_batch=None)


def replace_discarded(*, batch_id: UUID, code: str, at: datetime) -> int:
    """The batch will never be applied there: each of its answers goes anew, as the failure that says so; how many."""
    with connection.cursor() as cursor:
        cursor.execute(_DISCARDED, {"batch": batch_id})
        discarded = cursor.fetchall()
    detail = f"The request site's operators discarded the bundle that held the answer ({code}); ask again if need be."
    for row in discarded:
        _fail_anew(row, Failure(ANSWER_DISCARDED, detail), at, {"discarded": {"batch_id": str(batch_id), "code": code}})
    return len(discarded)


def replace_unwritable(*, batch_id: UUID, only: Collection[UUID], code: str, at: datetime) -> int:
    """No bundle can hold these answers: failures go in their place, which are not replaced again; how many."""
    with connection.cursor() as cursor:
        cursor.execute(_UNWRITABLE, {"batch": batch_id, "ids": list(only)})
        unwritable = cursor.fetchall()
    detail = f"The answer can't be written into a bundle ({code}); the response site's operators find it in their log."
    for row in unwritable:
        _fail_anew(row, Failure(INTERNAL_ERROR, detail), at, {"unwritable": {"code": code}})
    return len(unwritable)


def _fail_anew(row: tuple[UUID, UUID, UUID], failure: Failure, at: datetime, why: dict[str, dict[str, str]]) -> None:
    """A failure travels instead of the answer; ``row``: its id, its request's there, its trace. ``why`` is kept."""
    row_id, original_request_id, trace_id = row
    _replace(
        row_id,
        failure,
        original_request_id=original_request_id,
        trace_id=trace_id,
        # Another record: the old id may be known there by what was discarded.
        id=new_id(),
        delivery=DeliveryStatus.PENDING,
        export_batch=None,
        pending_since=at,
        metadata={name: facts | {"result_id": str(row_id)} for name, facts in why.items()},
    )


def _of(batch_id: UUID, delivery: DeliveryStatus) -> Any:
    return QueryResult.objects.filter(export_batch_id=batch_id, delivery=delivery)


def _chunks(sizes: Sequence[tuple[UUID, int]]) -> Iterator[list[UUID]]:
    chunk: list[UUID] = []
    total = 0
    for row_id, size in sizes:
        if chunk and (total + size > _CHUNK_BYTES or len(chunk) >= _CHUNK_ROWS):
            yield chunk
            chunk, total = [], 0
        chunk.append(row_id)
        total += size
    if chunk:
        yield chunk


def _to_line(row: tuple[Any, ...]) -> bytes:
    row_id, request_id, status, result, count, execution_ms, took_ms, hit, age, executed_at, trace_id, record = row
    wire = records.Result(
        id=row_id,
        request_id=request_id,
        status=status,
        result=msgspec.Raw(b"null" if result is None else result),
        result_count=_bounded(count),
        execution_time_ms=_bounded(execution_ms),
        elasticsearch_took_ms=_bounded(took_ms),
        cache=records.CacheUse(hit=hit, age_s=_bounded(age)),
        executed_at=executed_at,
        trace_id=trace_id,
        request=_REQUEST.decode(record) if record else None,
    )
    line = encode_record(wire)
    if len(line) <= DEFAULT_LIMITS.line:
        return line
    failure = Failure(
        RESULT_TOO_LARGE,
        f"The answer's line is {len(line)} bytes; {DEFAULT_LIMITS.line} are allowed. "
        "Ask for fewer hits with 'size', or for fewer fields with '_source'.",
    )
    problem = _replace(row_id, failure, original_request_id=request_id, trace_id=trace_id)
    failed = msgspec.structs.replace(wire, status="failed", result=msgspec.Raw(problem), result_count=None)
    return encode_record(failed)


def _replace(row_id: UUID, failure: Failure, *, original_request_id: UUID, trace_id: UUID, **columns: Any) -> bytes:
    problem = problem_bytes(failure, original_request_id=original_request_id, trace_id=trace_id)
    QueryResult.objects.filter(id=row_id).update(
        status=ResultStatus.FAILED,
        result_data=msgspec.Raw(problem),
        result_bytes=len(problem),
        result_count=None,
        **columns,
    )
    return problem


def _bounded(number: int | None) -> int | None:
    return None if number is None else min(number, _MAX_COUNT)
