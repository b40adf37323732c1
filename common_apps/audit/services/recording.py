"""Writes audit rows, in the caller's transaction."""

from __future__ import annotations

from typing import Any

import structlog

from common_apps.audit.actors import Actor
from common_apps.audit.models import AuditLog
from common_apps.core import clock


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
    AuditLog.objects.create(
        user_id=actor.user_id,
        action=action,
        resource_type=resource_type,
        resource_id=resource_id,
        ip_address=actor.ip_address,
        user_agent=actor.user_agent,
        request_data=data or {},
        response_status=status,
        created_at=clock.now(),
        metadata={**(metadata or {}), **({"request_id": request_id} if request_id else {})},
    )
