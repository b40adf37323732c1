"""The daily cleanup: what apps have registered, step after step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import structlog

from common_apps.audit.actors import Actor
from common_apps.audit.models import AuditLog
from common_apps.audit.services import record
from common_apps.core import clock
from common_apps.core.errors import DomainError
from common_apps.core.outages import OUTAGES
from common_apps.operations.registry import CleanupStep, cleanup_steps

log = structlog.get_logger("operations.cleanup")

CLEANED = "site.cleaned"
# In UTC, like every time that decides something.
HOUR = 2


@dataclass(frozen=True, slots=True)
class CleanupOutcome:
    """A step: how many things went, or why it could not be done (``error`` is empty when it could)."""

    step: str
    removed: int
    error: str = ""


def run_cleanup(*, actor: Actor) -> list[CleanupOutcome]:
    """Every step, each on its own: one that fails keeps no other from being done, and is tried again the next day.

    Raises OperationalError when the database is down.
    """
    outcomes = [_run(step) for step in sorted(cleanup_steps.values(), key=lambda step: step.place)]
    record(
        action=CLEANED,
        actor=actor,
        metadata={
            "removed": {each.step: each.removed for each in outcomes},
            "failed": [each.step for each in outcomes if each.error],
        },
    )
    log.info("cleaned", removed=sum(each.removed for each in outcomes))
    return outcomes


def due_day() -> date | None:
    """The day of the cleanup that is due by now, or None before 02:00 UTC: the one of the night before was due then."""
    now = clock.now()
    return now.date() if now.hour >= HOUR else None


def was_cleaned(day: date) -> bool:
    """Whether a cleanup has begun since 02:00 UTC of the day; the audit log tells."""
    since = datetime.combine(day, time(HOUR), tzinfo=UTC)
    return AuditLog.objects.filter(created_at__gte=since, action=CLEANED).exists()


def _run(step: CleanupStep) -> CleanupOutcome:
    try:
        return CleanupOutcome(step.name, step.run())
    except OUTAGES:
        raise
    except DomainError as error:
        detail = error.detail
    except OSError as error:
        detail = str(error)
    except Exception as error:
        # A bug in one step must not keep the disk from being freed by the others.
        log.error("cleanup_step_failed", step=step.name, exc_info=error)
        return CleanupOutcome(step.name, 0, type(error).__name__)
    log.warning("cleanup_step_failed", step=step.name, error=detail)
    return CleanupOutcome(step.name, 0, detail)
