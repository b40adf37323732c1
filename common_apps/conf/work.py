"""Celery: the broker, JSON alone, late acknowledgement, one task at a time for each worker process."""

from __future__ import annotations

from typing import Any


def work(site: str, env: dict[str, Any]) -> dict[str, Any]:
    """Settings with Celery's prefix; the sites' celery.py reads them by the namespace CELERY."""
    return {
        "REDIS_URL": env["REDIS_URL"],
        "CELERY_BROKER_URL": env["REDIS_URL"],
        "CELERY_RESULT_BACKEND": f"common_apps.core.results.QuietRedisBackend+{env['REDIS_URL']}",
        "CELERY_RESULT_EXPIRES": 300,
        "CELERY_TASK_DEFAULT_QUEUE": "default",
        # `transfer` is served on the host that has EXPORT_DIR and IMPORT_DIR, the others anywhere.
        "CELERY_TASK_ROUTES": {
            "transfer.*": {"queue": "transfer"},
            "operations.cleanup": {"queue": "transfer"},
            "submissions.export_due": {"queue": "transfer"},
            "execution.drain": {"queue": "queries"},
            "execution.sweep": {"queue": "queries"},
        },
        "CELERY_TASK_SERIALIZER": "json",
        "CELERY_RESULT_SERIALIZER": "json",
        "CELERY_ACCEPT_CONTENT": ["json"],
        "CELERY_TASK_ACKS_LATE": True,
        "CELERY_TASK_REJECT_ON_WORKER_LOST": True,
        "CELERY_WORKER_PREFETCH_MULTIPLIER": 1,
        "CELERY_TASK_TRACK_STARTED": True,
        "CELERY_TASK_ALWAYS_EAGER": False,
        "CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP": True,
        "CELERY_BROKER_TRANSPORT_OPTIONS": {
            # Longer than the longest task, or Redis would hand it to a second worker.
            "visibility_timeout": 3600,
            "queue_order_strategy": "priority",
            "priority_steps": list(range(10)),
            "global_keyprefix": f"airferry:{site}:",
            "socket_timeout": 30,
            "socket_connect_timeout": 5,
            # A publisher says at once that the broker is down (kombu's own retries take 6 s); workers retry by
            # BROKER_CONNECTION_RETRY.
            "max_retries": 0,
        },
        # A publisher that can't reach the broker must not hang a request: the sweeps catch up later.
        "CELERY_TASK_PUBLISH_RETRY": False,
        "CELERY_WORKER_HIJACK_ROOT_LOGGER": False,
        "CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS": True,
        "CELERY_TIMEZONE": "UTC",
    }
