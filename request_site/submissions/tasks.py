"""Wakes the exporter when something waits."""

from __future__ import annotations

import time

import structlog
from celery import current_app

from common_apps.core.outages import OUTAGES

log = structlog.get_logger("submissions.tasks")

# One word a second from each process is enough: the exporter looks for itself what waits.
QUIET_SECONDS = 1.0


class _Spoken:
    """When this process last woke the exporter, on the monotonic clock."""

    at = float("-inf")


def wake_exporter() -> None:
    """Says that requests wait, at most once a second. Called after the commit: a broker that is down costs nothing.

    The last rows of a burst may go unannounced, and all of them while the broker is down: the watcher's sweep finds
    them when the oldest has waited long enough.
    """
    now = time.monotonic()
    if now - _Spoken.at < QUIET_SECONDS:
        return
    _Spoken.at = now
    try:
        current_app.send_task("transfer.export", args=[["requests"]], queue="transfer", ignore_result=True)
    except OUTAGES as error:
        log.warning("exporter_not_woken", error=type(error).__name__)
