"""Keeps what is raised, one open row for each code and subject."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from common_apps.audit.actors import Actor
from common_apps.audit.services import record
from common_apps.core import clock
from common_apps.core.alerts import AlertKind, kinds
from common_apps.core.errors import DomainError
from common_apps.core.ids import new_id
from common_apps.operations.models import Alert

# One statement, so that two who raise the same alert at once don't stop each other. Counts among the facts add up.
_RAISE = """
    INSERT INTO alerts (id, code, subject, level, detail, facts, count, raised_at, last_at)
    VALUES (%(id)s, %(code)s, %(subject)s, %(level)s, %(detail)s, %(facts)s, 1, %(at)s, %(at)s)
    ON CONFLICT (code, subject) WHERE ended_at IS NULL DO UPDATE
    SET count = alerts.count + %(again)s, last_at = excluded.last_at, level = excluded.level, detail = excluded.detail,
        acknowledged_at = NULL, acknowledged_by = NULL,
        facts = alerts.facts || (
            SELECT coalesce(jsonb_object_agg(
                each.key,
                CASE WHEN jsonb_typeof(each.value) = 'number' AND jsonb_typeof(alerts.facts -> each.key) = 'number'
                     THEN to_jsonb((each.value::numeric + (alerts.facts -> each.key)::numeric)) ELSE each.value END
            ), '{}') FROM jsonb_each(excluded.facts) AS each
        )
"""


class AlertTable:
    """The sink of ``core.alerts``: the table ``alerts``."""

    def raise_alert(
        self, *, kind: AlertKind, subject: str, detail: str, facts: Mapping[str, Any], is_again: bool
    ) -> None:
        """Opens it, or counts it up and asks to be acknowledged anew."""
        with connection.cursor() as cursor:
            cursor.execute(
                _RAISE,
                {
                    "id": new_id(),
                    "code": kind.code,
                    "subject": subject,
                    "level": kind.level,
                    "detail": detail,
                    "facts": json.dumps(dict(facts)),
                    "at": clock.now(),
                    "again": int(is_again),
                },
            )

    def end_alert(self, *, code: str, subject: str) -> None:
        """Ends it where it is open."""
        Alert.objects.filter(code=code, subject=subject, ended_at=None).update(ended_at=clock.now())


def acknowledge_alert(*, alert_id: UUID, actor: Actor) -> Alert:
    """Somebody has seen it: an event is over with that, a state of things lasts on. Acknowledging again changes
    nothing. Raises DomainError not_found.
    """
    with transaction.atomic():
        alert = Alert.objects.select_for_update().filter(pk=alert_id).first()
        if alert is None:
            raise DomainError("not_found", f"There is no alert {alert_id}.")
        if alert.acknowledged_at is not None or alert.ended_at is not None:
            return alert
        alert.acknowledged_at = clock.now()
        alert.acknowledged_by = actor.user_id
        kind = kinds.get(alert.code)
        if kind is None or not kind.lasting:
            alert.ended_at = alert.acknowledged_at
        alert.save(update_fields=["acknowledged_at", "acknowledged_by", "ended_at"])
        record(
            action="alert.acknowledged",
            actor=actor,
            resource_type="alert",
            resource_id=str(alert.pk),
            metadata={"code": alert.code, "subject": alert.subject},
        )
    return alert
