"""Questions about alerts."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from common_apps.core.clock import to_wire
from common_apps.operations.models import Alert

STATES = ("open", "acknowledged", "ended")


def open_alerts() -> QuerySet[Alert]:
    """Those that are not over, the newest first."""
    return Alert.objects.filter(ended_at=None)


def alerts_in(state: str | None) -> QuerySet[Alert]:
    """Those of a state, or all, the newest first."""
    if state == "ended":
        return Alert.objects.filter(ended_at__isnull=False)
    if state in ("open", "acknowledged"):
        return open_alerts().filter(acknowledged_at__isnull=state == "open")
    return Alert.objects.all()


def describe_alert(alert: Alert) -> dict[str, Any]:
    """The alert for people and programs: what, about what, what it means and what to do."""
    return {
        "id": str(alert.pk),
        "code": alert.code,
        "subject": alert.subject,
        "level": alert.level,
        "state": alert.state,
        "title": alert.title,
        "detail": alert.detail,
        "facts": alert.facts,
        "meaning": alert.meaning,
        "cure": alert.cure,
        "count": alert.count,
        "raised_at": to_wire(alert.raised_at),
        "last_at": to_wire(alert.last_at),
        "acknowledged_at": to_wire(alert.acknowledged_at) if alert.acknowledged_at else None,
        "ended_at": to_wire(alert.ended_at) if alert.ended_at else None,
    }
