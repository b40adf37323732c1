"""Executing what waits, batch after batch."""

from __future__ import annotations

import time
from dataclasses import dataclass

import structlog

from common_apps.core import clock
from response_site.execution.services.claim import claim_batch
from response_site.execution.services.execute import execute_batch
from response_site.search.registry import get_engine

log = structlog.get_logger("execution.drain")

BUDGET_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class DrainReport:
    """What one drain did. ``left``: its time ran out with work left. ``outage``: why it stopped before, or None."""

    completed: int = 0
    failed: int = 0
    retried: int = 0
    waiting: int = 0
    lost: int = 0
    hits: int = 0
    left: bool = False
    outage: str | None = None


def drain(*, worker: str, budget_seconds: float = BUDGET_SECONDS) -> DrainReport:
    """Claims and executes until nothing is left, the time is up, or the engine is down.

    ``worker`` is a name that no other drain has. A batch that was begun is finished, whatever the time.
    """
    engine = get_engine()
    ends = time.monotonic() + budget_seconds
    counts = dict.fromkeys(("completed", "failed", "retried", "waiting", "lost", "hits"), 0)
    left, outage = False, None
    while outage is None:
        if time.monotonic() >= ends:
            left = True
            break
        claims = claim_batch(worker=worker, now=clock.now())
        if not claims:
            break
        report = execute_batch(claims=claims, worker=worker, engine=engine)
        for name in ("completed", "failed", "retried", "waiting", "lost"):
            counts[name] += getattr(report.settled, name)
        counts["hits"] += report.hits
        outage = report.outage
    if outage is not None:
        log.warning("engine_down", detail=outage, waiting=counts["waiting"])
    if any(counts.values()):
        log.info("drained", worker=worker, left=left, **counts)
    return DrainReport(**counts, left=left, outage=outage)
