"""The book of carries: who plugged in what, and how it ended. The caller holds the lock of the stick."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from common_apps.audit.actors import Actor
from common_apps.core import clock
from common_apps.transfer.choices import CarryStatus
from common_apps.transfer.media.errors import StickError
from common_apps.transfer.models import Carry
from common_apps.transfer.services.media_report import SyncReport, describe_fault

_MOST_LISTED = 500
_STATUS = {0: CarryStatus.FINE, 1: CarryStatus.ATTENTION, 2: CarryStatus.FAILED}


def begin_carry(*, path: Path | None, actor: Actor) -> Carry:
    """A row that says that somebody is at it. One that still says so is of a process that died."""
    Carry.objects.filter(status=CarryStatus.RUNNING).update(status=CarryStatus.BROKEN, ended_at=clock.now())
    return Carry.objects.create(begun_at=clock.now(), user_id=actor.user_id, stick=str(path or ""))


def end_carry(*, carry: Carry, report: SyncReport) -> None:
    """How it ended."""
    facts: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(report.facts(), enc_hook=str))
    for name, value in facts.items():
        if isinstance(value, list):
            facts[name] = value[:_MOST_LISTED]
    _end(carry, _STATUS[report.exit_code], facts, stick=report.stick, trip=report.trip or "")


def fail_carry(*, carry: Carry, error: Exception) -> None:
    """It could not begin, or something of this site broke."""
    fault = describe_fault(error) if isinstance(error, StickError) else {"code": "", "detail": str(error), "cure": ""}
    _end(carry, CarryStatus.FAILED, {"fault": fault, "exit_code": 2}, stick=carry.stick, trip="")


def _end(carry: Carry, status: CarryStatus, facts: dict[str, Any], *, stick: str, trip: str) -> None:
    carry.status, carry.report, carry.stick, carry.trip = status, facts, stick, trip
    carry.ended_at = clock.now()
    carry.save(update_fields=["status", "report", "stick", "trip", "ended_at"])
