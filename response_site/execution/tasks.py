"""What Celery wakes. The queue itself is PostgreSQL: a message only says that there is work."""

from __future__ import annotations

import os
import socket
import threading
from typing import Any
from uuid import uuid4

import redis
import structlog
from celery import current_app, shared_task
from django.conf import settings

from common_apps.core import clock
from common_apps.core.outages import OUTAGES
from response_site.execution.cache import drop_stale, measure_cache
from response_site.execution.services.claim import BATCH_SIZE, count_claimable
from response_site.execution.services.drain import drain

log = structlog.get_logger("execution.tasks")

QUEUE = "queries"

_opened = threading.local()


def wake_drains(*, pending: int) -> int:
    """Puts min(WORKER_COUNT, ceil(pending / 50)) drains on the queue, less those that stand there already; how many.

    A drain that stands in the queue begins after this, so it will see every row that is committed now; one that
    runs already may just have found nothing left. Raises one of `OUTAGES` when the broker is down.
    """
    wanted = min(settings.WORKER_COUNT, -(-pending // BATCH_SIZE))
    if wanted <= 0:
        return 0
    missing = max(0, wanted - _queued())
    for _ in range(missing):
        drain_queue.delay()
    return missing


# Nobody asks for their results; keeping them would cost a subscription for every message.
@shared_task(name="execution.drain", acks_late=True, ignore_result=True)
def drain_queue() -> dict[str, Any]:
    """Executes what waits, at most 60 s; comes again when there is more, since a long task would be delivered twice."""
    report = drain(worker=f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:12]}")
    if report.left:
        drain_queue.delay()
    return {
        "completed": report.completed,
        "failed": report.failed,
        "retried": report.retried,
        "waiting": report.waiting,
        "hits": report.hits,
        "left": report.left,
    }


@shared_task(name="execution.sweep", acks_late=True, ignore_result=True)
def sweep_queue() -> int:
    """Wakes drains for what nobody woke one for: pending rows, retries that are due, rows of dead workers; how many."""
    return wake_drains(pending=count_claimable(now=clock.now(), limit=settings.WORKER_COUNT * BATCH_SIZE))


@shared_task(name="execution.maintain_cache", acks_late=True)
def maintain_cache() -> dict[str, Any] | None:
    """Removes what no lookup can hit any more and logs the hit ratio; None when the cache is down."""
    try:
        removed = drop_stale()
        measured = measure_cache()
    except redis.RedisError as error:
        log.warning("cache_down", error=type(error).__name__)
        return None
    log.info("cache_maintained", removed=removed, **measured)
    return {"removed": removed, **measured}


def _queued() -> int:
    """Messages in the queue that no worker has taken."""
    address = current_app.conf.broker_url
    if getattr(_opened, "address", None) != address:
        # A channel of its own: the connection's default one would be tried for, without end, while the broker is down.
        # Kept, since to open one costs as much as to enter a bundle's requests.
        _opened.channel = current_app.connection_for_read().channel()
        _opened.address = address
    channel: Any = _opened.channel
    try:
        # Not `passive`: kombu then asks for the list without the key prefix, and never finds it.
        return int(channel.queue_declare(queue=QUEUE).message_count)
    except OUTAGES:
        _opened.address = None
        raise
