"""Executing a batch: what may not run fails, what was asked just now comes from the cache, the rest is one msearch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec
import structlog
from django.conf import settings

from common_apps.core import clock, strict_json
from common_apps.queries.language import NormalizedRequest
from common_apps.transfer.bundle.limits import DEFAULT_LIMITS
from response_site.execution.cache import Fresh, look_up, store_answers
from response_site.execution.failures import ENGINE_ERROR, INTERNAL_ERROR, RESULT_TOO_LARGE, Failure
from response_site.execution.services.claim import Claim
from response_site.execution.services.outcome import Answered, Outcome, Passing, Waiting
from response_site.execution.services.prepare import Prepared, prepare_batch
from response_site.execution.services.settle import Settled, settle_batch
from response_site.search.engine import ENGINE_UNAVAILABLE, EngineFailure, EngineUnavailable, SearchEngine

log = structlog.get_logger("execution.execute")

# What an answer's line holds besides the answer and the request's own record.
_ENVELOPE_BYTES = 1024


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What became of a batch. ``outage``: the engine answered nothing at all, so there is no use in going on."""

    settled: Settled
    hits: int
    outage: str | None


def execute_batch(*, claims: Sequence[Claim], worker: str, engine: SearchEngine) -> BatchReport:
    """Executes what ``worker`` has claimed and writes the answers; every request ends by itself.

    Raises what PostgreSQL raises; then nothing was written, and the rows come back when the lease has run out.
    """
    started = time.monotonic()
    judged = prepare_batch(claims=claims)
    ready = [one for one in judged if isinstance(one, Prepared)]
    outcomes = _answer(ready, engine, clock.now())
    results: list[tuple[Claim, NormalizedRequest | None, Outcome]] = []
    given: set[str] = set()
    for claim, one in zip(claims, judged, strict=True):
        if isinstance(one, Prepared):
            outcome = outcomes[one.key]
            if one.key in given and isinstance(outcome, Answered) and outcome.cache_age_s is None:
                # A twin in the same batch: nothing was executed for it.
                outcome = replace(outcome, cache_age_s=0)
            given.add(one.key)
            results.append((claim, one.request, _limit(claim, outcome)))
        else:
            results.append((claim, None, one))
    settled = settle_batch(
        outcomes=results,
        worker=worker,
        execution_time_ms=round((time.monotonic() - started) * 1000),
        now=clock.now(),
    )
    found = [outcome for _, _, outcome in results]
    waiting = [outcome.detail for outcome in found if isinstance(outcome, Waiting)]
    hits = sum(isinstance(outcome, Answered) and outcome.cache_age_s is not None for outcome in found)
    executed = any(isinstance(outcome, Answered) and outcome.cache_age_s is None for outcome in found)
    return BatchReport(settled=settled, hits=hits, outage=waiting[0] if waiting and not executed else None)


def _answer(ready: Sequence[Prepared], engine: SearchEngine, now: datetime) -> dict[str, Outcome]:
    lookup = look_up([(one.key, one.request.index) for one in ready], now=now)
    outcomes: dict[str, Outcome] = {
        key: Answered(bytes(entry.result), entry.count, entry.took_ms, entry.age_seconds(now))
        for key, entry in lookup.hits.items()
    }
    misses = list({one.key: one for one in ready if one.key not in outcomes}.values())
    fresh = []
    for one, outcome in zip(misses, _search(misses, engine), strict=True):
        outcomes[one.key] = outcome
        if isinstance(outcome, Answered):
            fresh.append(
                Fresh(one.key, one.request.index, one.kind.cache_class, outcome.count, outcome.took_ms, outcome.result)
            )
    store_answers(fresh, lookup=lookup, now=now)
    return outcomes


def _search(misses: Sequence[Prepared], engine: SearchEngine) -> list[Outcome]:
    if not misses:
        return []
    askers = {one.claim.user_id for one in misses}
    try:
        answers = engine.msearch(
            [one.request for one in misses],
            timeout_seconds=settings.QUERY_TIMEOUT,
            # Keeps one asker on the same copies of the data; a batch of many has no such copy.
            preference=str(askers.pop()) if len(askers) == 1 else None,
        )
    except EngineUnavailable as error:
        return [Waiting(str(error))] * len(misses)
    except Exception as error:  # what an engine did not foresee ends one request, not its neighbours
        log.error("msearch_failed", requests=len(misses), exc_info=error)
        if len(misses) == 1:
            return [Failure(ENGINE_ERROR, "The search engine could not run this query; the log says why.")]
        return [outcome for one in misses for outcome in _search([one], engine)]
    return [_read(one, answer) for one, answer in zip(misses, answers, strict=True)]


def _read(one: Prepared, answer: dict[str, Any] | EngineFailure) -> Outcome:
    if isinstance(answer, EngineFailure):
        if answer.code == ENGINE_UNAVAILABLE:
            return Waiting(answer.detail)
        failure = Failure(answer.code, answer.detail)
        return Passing(failure) if answer.retryable else failure
    try:
        result = msgspec.json.encode(one.kind.shape(answer))
        # What the other site could not read must not make a bundle: one such line would refuse all of it.
        strict_json.loads(result, max_depth=DEFAULT_LIMITS.json_depth - 1)
        return Answered(result, answer["hits"]["total"]["value"], answer.get("took"))
    except strict_json.StrictJsonError as error:
        return Failure(ENGINE_ERROR, f"The search engine's answer can't be carried: {error.detail}.")
    except Exception as error:  # a bug met with one answer must not end the others of its batch
        log.error("answer_not_shaped", request_id=str(one.claim.original_request_id), exc_info=error)
        return Failure(INTERNAL_ERROR, "The response site could not write this answer; its log says why.")


def _limit(claim: Claim, outcome: Outcome) -> Outcome:
    if isinstance(outcome, Answered):
        size = len(outcome.result) + claim.record_bytes + _ENVELOPE_BYTES
        if size > DEFAULT_LIMITS.line:
            return Failure(
                RESULT_TOO_LARGE,
                f"The answer is {len(outcome.result)} bytes; a line of a bundle may hold {DEFAULT_LIMITS.line}. "
                "Ask for fewer hits with 'size', or for fewer fields with '_source'.",
            )
    return outcome
