"""Which exceptions mean that something the site stands on is down, not that somebody erred."""

from __future__ import annotations

import kombu.exceptions
import redis.exceptions
from django.db import InterfaceError, OperationalError

OUTAGES: tuple[type[Exception], ...] = (
    OperationalError,
    InterfaceError,
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
    kombu.exceptions.OperationalError,
)


def name_outage(error: BaseException) -> str:
    """What is down, in words: the database or the broker and cache."""
    return "the database" if isinstance(error, OperationalError | InterfaceError) else "Redis (broker, cache, limits)"
