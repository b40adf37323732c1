"""Writes audit rows, in the caller's transaction."""

from __future__ import annotations

import json
from typing import Any

import structlog
from django.db import connection

from common_apps.audit.actors import Actor
from common_apps.core import clock

# A constant statement: with nearly every action comes an audit row, and building it costs more than running it.
_INSERT = """
    INSERT INTO audit_logs (user_id, action, resource_type, resource_id, ip_address, user_agent,
                            request_data, response_status, created_at, metadata)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


def record(
    *,
    action: str,
    actor: Actor,
    resource_type: str = "",
    resource_id: str = "",
    data: dict[str, Any] | None = None,
    status: int | None = None,
    metadata: dict[str, Any] | None = None,
) -> None:
    """One row for one action (dotted: ``request.submitted``). It commits, or not, with the action itself."""
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    told = {**(metadata or {}), **({"request_id": request_id} if request_id else {})}
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT,
            [
                actor.user_id,
                action,
                resource_type,
                resource_id,
                actor.ip_address,
                actor.user_agent,
                json.dumps(data or {}),
                status,
                clock.now(),
                json.dumps(told),
            ],
        )
