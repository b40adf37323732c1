"""Periodic work of operations."""

from __future__ import annotations

import structlog
from celery import shared_task

from common_apps.audit.actors import SYSTEM
from common_apps.audit.services import seal
from common_apps.operations.health import check_health
from common_apps.operations.services.cleanup import run_cleanup

log = structlog.get_logger("operations.monitor")


@shared_task(name="operations.monitor", acks_late=True)
def monitor() -> str:
    """Checks the site's health, logs what is down, seals the audit log."""
    health = check_health()
    for verdict in health.verdicts:
        if verdict.status != "ok":
            log.warning("check_down", check=verdict.name, needed=verdict.needed, detail=verdict.detail)
    sealed = seal()
    log.info("monitored", status=health.status, audit_sealed=sealed)
    return health.status


@shared_task(name="operations.cleanup", acks_late=True)
def cleanup() -> dict[str, int]:
    """The daily cleanup, on the host that has the folders: step -> how many things went."""
    return {each.step: each.removed for each in run_cleanup(actor=SYSTEM)}
