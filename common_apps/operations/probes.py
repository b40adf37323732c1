"""The checks that every site has: each returns what it saw, or raises with words for an operator."""

from __future__ import annotations

import shutil

import psutil
from celery import current_app
from django.conf import settings
from django.core.cache import caches
from django.db import connection
from django.db.models import Count, Q

from common_apps.core import clock

DISK_FULL_PERCENT = 95
WORKER_WAIT_SECONDS = 1.0
CLOCK_SKEW_SECONDS = 5.0


class ProbeError(Exception):
    """What is wrong and what to do, for an operator."""


def database() -> dict[str, object]:
    """PostgreSQL answers, and is new enough."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int, current_setting('server_version')")
        number, version = cursor.fetchone()
    if number < 150000:
        raise ProbeError(f"PostgreSQL {version} is too old: 15 or newer is needed")
    return {"version": version}


def redis() -> dict[str, object]:
    """The broker and the limits answer."""
    caches["limits"].get("health")
    return {}


def cache() -> dict[str, object]:
    """The cache answers."""
    caches["default"].get("health")
    return {}


def disk() -> dict[str, object]:
    """The folders have room."""
    seen: dict[str, object] = {}
    for name in ("DATA_DIR", "EXPORT_DIR", "IMPORT_DIR"):
        folder = getattr(settings, name)
        if not folder.is_dir():
            raise ProbeError(f"{name} is not there ({folder}): run `setup`, or mount it")
        usage = shutil.disk_usage(folder)
        percent = round(100 * usage.used / usage.total)
        seen[name] = {"used_percent": percent, "free_bytes": usage.free}
        if percent >= DISK_FULL_PERCENT:
            raise ProbeError(f"{name} ({folder}) is {percent} % full: make room")
    return seen


def memory() -> dict[str, object]:
    """How full the memory is."""
    seen = psutil.virtual_memory()
    return {"used_percent": round(seen.percent), "available_bytes": seen.available}


def workers() -> dict[str, object]:
    """At least one Celery worker answers."""
    answers = current_app.control.ping(timeout=WORKER_WAIT_SECONDS) or []
    names = sorted(name for answer in answers for name in answer)
    if not names:
        raise ProbeError("no Celery worker answers: start one (worker process of this site)")
    return {"workers": names}


def keys() -> dict[str, object]:
    """This site has keys, they are closely kept, and the other site is trusted."""
    from common_apps.transfer.keys import KeyFolder, KeyFolderError

    folder = KeyFolder(settings.KEY_DIR)
    try:
        if not folder.has_own_keys():
            raise ProbeError("this site has no keys: run `keys generate`")
        fingerprint = folder.signing_key().fingerprint
        if settings.PEER not in folder.peers():
            raise ProbeError(f"the {settings.PEER} site is not trusted yet: run `keys trust` with its public key")
    except KeyFolderError as error:
        raise ProbeError(f"{error.detail} {error.cure}") from error
    return {"fingerprint": fingerprint}


def clock_skew() -> dict[str, object]:
    """This host and PostgreSQL agree on the time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (there,) = cursor.fetchone()
    seconds = abs((clock.now() - there).total_seconds())
    if seconds > CLOCK_SKEW_SECONDS:
        raise ProbeError(f"the clocks of this host and of PostgreSQL are {seconds:.0f} s apart: set them")
    return {"skew_seconds": round(seconds, 3)}


def alerts() -> dict[str, object]:
    """How many alerts are open, and how many nobody has acknowledged. An open one does not make the site unwell."""
    from common_apps.operations.selectors import open_alerts

    seen = open_alerts().aggregate(
        open=Count("pk"),
        unacknowledged=Count("pk", filter=Q(acknowledged_at=None)),
        critical=Count("pk", filter=Q(level="critical")),
    )
    return dict(seen)
