"""Writing what a batch came to: answers and states in one transaction."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection, transaction

from common_apps.core.ids import new_id
from common_apps.queries.language import NormalizedRequest
from response_site.execution.choices import IncomingStatus
from response_site.execution.failures import Failure, problem_bytes
from response_site.execution.services.cancel import cancel_waiting
from response_site.execution.services.claim import Claim
from response_site.execution.services.outcome import Answered, Outcome, Passing, Waiting

MAX_RETRIES = 5
# How long a row waits while the engine is down; the sweeps look every 30 s anyway.
OUTAGE_WAIT_SECONDS = 15.0

# Whoever writes an answer holds the request's row: so a request that has one can't get a second one meanwhile.
_HELD = """
SELECT id FROM incoming_requests AS held
WHERE id = ANY(%(ids)s) AND status = 'processing' AND assigned_worker = %(worker)s
  AND NOT EXISTS (SELECT 1 FROM query_results WHERE query_results.request_id = held.id)
ORDER BY id
FOR UPDATE
"""
_COPY = """
COPY query_results (
    id, request_id, original_request_id, status, result_data, result_bytes, result_count, execution_time_ms,
    elasticsearch_took_ms, cache_hit, cache_age_s, executed_at, priority, delivery, pending_since, metadata
) FROM STDIN
"""
_STATES = """
UPDATE incoming_requests AS executed
SET status = settled.status,
    completed_at = settled.completed_at,
    available_at = COALESCE(settled.available_at, executed.available_at),
    retry_count = settled.retry_count,
    error_message = settled.error_message,
    elasticsearch_query = COALESCE(settled.elasticsearch_query::json, executed.elasticsearch_query),
    assigned_worker = CASE WHEN settled.completed_at IS NULL THEN '' ELSE executed.assigned_worker END
FROM unnest(
    %(ids)s::uuid[], %(statuses)s::text[], %(completed)s::timestamptz[], %(available)s::timestamptz[],
    %(retries)s::int[], %(errors)s::text[], %(queries)s::text[]
) AS settled (id, status, completed_at, available_at, retry_count, error_message, elasticsearch_query)
WHERE executed.id = settled.id
"""


@dataclass(frozen=True, slots=True)
class Settled:
    """How many rows went which way; ``lost``: taken by somebody else meanwhile, nothing was written for them."""

    completed: int = 0
    failed: int = 0
    retried: int = 0
    waiting: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True)
class _State:
    status: str
    retry_count: int
    error_message: str = ""
    completed_at: datetime | None = None
    available_at: datetime | None = None


def settle_batch(
    *,
    outcomes: Sequence[tuple[Claim, NormalizedRequest | None, Outcome]],
    worker: str,
    execution_time_ms: int,
    now: datetime,
) -> Settled:
    """Writes the answers and states of those rows that ``worker`` still holds; of a row there is one answer, ever."""
    counts = dict.fromkeys(("completed", "failed", "retried", "waiting"), 0)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_HELD, {"ids": [claim.id for claim, _, _ in outcomes], "worker": worker})
        held = {row_id for (row_id,) in cursor.fetchall()}
        mine = [(claim, request, _final(claim, outcome)) for claim, request, outcome in outcomes if claim.id in held]
        with cursor.copy(_COPY) as copy:
            for claim, _, outcome in mine:
                if isinstance(outcome, Answered | Failure):
                    copy.write_row(_result_row(claim, outcome, execution_time_ms, now))
        states = [_state(claim, outcome, now) for claim, _, outcome in mine]
        cursor.execute(
            _STATES,
            {
                "ids": [claim.id for claim, _, _ in mine],
                "statuses": [state.status for state in states],
                "completed": [state.completed_at for state in states],
                "available": [state.available_at for state in states],
                "retries": [state.retry_count for state in states],
                "errors": [state.error_message for state in states],
                "queries": [
                    msgspec.json.encode(request.body()).decode() if request else None for _, request, _ in mine
                ],
            },
        )
        back = [claim.original_request_id for claim, _, outcome in mine if isinstance(outcome, Passing | Waiting)]
        if back:
            # The wish to cancel may have come while they were in hand.
            cancel_waiting(request_ids=back, at=now)
    for _, _, outcome in mine:
        counts[_COUNTED[type(outcome)]] += 1
    return Settled(**counts, lost=len(outcomes) - len(mine))


_COUNTED: dict[type, str] = {Answered: "completed", Failure: "failed", Passing: "retried", Waiting: "waiting"}


def _final(claim: Claim, outcome: Outcome) -> Outcome:
    """A failure that may pass has had its five chances: then it is final."""
    if isinstance(outcome, Passing) and claim.retry_count >= MAX_RETRIES:
        return outcome.failure
    return outcome


def _state(claim: Claim, outcome: Outcome, now: datetime) -> _State:
    match outcome:
        case Answered():
            return _State(IncomingStatus.COMPLETED, claim.retry_count, completed_at=now)
        case Failure():
            message = f"{outcome.code}: {outcome.detail}"
            return _State(IncomingStatus.FAILED, claim.retry_count, message, completed_at=now)
        case Passing():
            retries = claim.retry_count + 1
            # Exponential backoff with jitter, so that what failed together does not come back together.
            delay = timedelta(seconds=2**retries * random.uniform(1.0, 1.5))  # noqa: S311 - not a secret
            message = f"{outcome.failure.code}: {outcome.failure.detail}"
            return _State(IncomingStatus.RETRY, retries, message, available_at=now + delay)
        case Waiting():
            delay = timedelta(seconds=OUTAGE_WAIT_SECONDS * random.uniform(0.5, 1.0))  # noqa: S311 - not a secret
            status = IncomingStatus.RETRY if claim.retry_count or claim.lost_leases else IncomingStatus.PENDING
            return _State(status, claim.retry_count, outcome.detail, available_at=now + delay)


def _result_row(claim: Claim, outcome: Answered | Failure, execution_time_ms: int, now: datetime) -> tuple[Any, ...]:
    if isinstance(outcome, Answered):
        status, result, count, took = "completed", outcome.result, outcome.count, outcome.took_ms
        age = outcome.cache_age_s
    else:
        status, count, took, age = "failed", None, None, None
        result = problem_bytes(outcome, original_request_id=claim.original_request_id, trace_id=claim.trace_id)
    row_id: UUID = new_id()
    return (
        row_id,
        claim.id,
        claim.original_request_id,
        status,
        result.decode(),
        len(result),
        count,
        execution_time_ms,
        took,
        age is not None,
        age,
        now,
        claim.priority,
        "pending",
        now,
        "{}",
    )
