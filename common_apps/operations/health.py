"""Is the site well? Runs the registered checks and judges."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import structlog

from common_apps.core.outages import OUTAGES, name_outage
from common_apps.operations.probes import ProbeError
from common_apps.operations.registry import Check, checks

log = structlog.get_logger("operations.health")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One check's outcome: ``ok`` or ``down``, what it saw, how long it took."""

    name: str
    status: str
    needed: bool
    duration_ms: int
    detail: str = ""
    seen: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Health:
    """``ok``, ``degraded`` (something is down that the site can do without for a while) or ``down``."""

    status: str
    verdicts: list[Verdict]


def check_health(*, needed_only: bool = False) -> Health:
    """Runs the checks (those without which the site can't work, or all)."""
    verdicts = [_run(check) for check in checks.values() if check.needed or not needed_only]
    down = [verdict for verdict in verdicts if verdict.status == "down"]
    status = "ok" if not down else "down" if any(verdict.needed for verdict in down) else "degraded"
    return Health(status, verdicts)


def _run(check: Check) -> Verdict:
    started = time.monotonic()
    detail, seen = "", {}
    try:
        seen = check.probe()
    except ProbeError as error:
        detail = str(error)
    except OUTAGES as error:
        detail = f"{name_outage(error)} does not answer"
    except Exception as error:  # a check that breaks is a finding, never a broken health page
        log.warning("health_check_failed", check=check.name, exc_info=error)
        detail = f"the check itself failed ({type(error).__name__}); the log tells more"
    took = round((time.monotonic() - started) * 1000)
    return Verdict(check.name, "down" if detail else "ok", check.needed, took, detail, seen)
