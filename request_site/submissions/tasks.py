"""Exports requests when it is time to."""

from __future__ import annotations

import time

import structlog
from celery import shared_task

from common_apps.core.outages import OUTAGES
from common_apps.transfer.services import is_export_due
from common_apps.transfer.tasks import export

log = structlog.get_logger("submissions.tasks")

STREAM = "requests"
# One word a second from each process is enough: the task looks for itself what waits.
QUIET_SECONDS = 1.0


@shared_task(name="submissions.export_due", acks_late=True)
def export_due() -> bool:
    """Exports what waits, if 500 requests do or the oldest has waited long enough; whether it did."""
    due = is_export_due(STREAM)
    if due:
        export(streams=[STREAM])
    return due


class _Spoken:
    """When this process last spoke, on the monotonic clock."""

    at = float("-inf")


def wake_exporter() -> None:
    """Says that requests wait, at most once a second. Called after the commit: a broker that is down costs nothing.

    The last rows of a burst may go unannounced, and all of them while the broker is down: the watcher's sweep finds
    them when the oldest has waited long enough.
    """
    if time.monotonic() - _Spoken.at < QUIET_SECONDS:
        return
    try:
        export_due.apply_async(ignore_result=True)
    except OUTAGES as error:
        log.warning("exporter_not_woken", error=type(error).__name__)
    _Spoken.at = time.monotonic()
