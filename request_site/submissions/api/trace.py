"""The id by which a request is followed from one log to the next."""

from __future__ import annotations

from uuid import UUID

import structlog

from common_apps.core.ids import new_id


def trace_id() -> UUID:
    """The id that this HTTP request has in the log, so that one id leads from here to the result; else a new one."""
    try:
        return UUID(str(structlog.contextvars.get_contextvars().get("request_id")))
    except ValueError:
        return new_id()
