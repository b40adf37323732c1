"""The nightly cleanup: every step on its own, once a day, by hand at any time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import call_command
from django.db import OperationalError

from common_apps.audit.actors import SYSTEM
from common_apps.audit.models import AuditLog
from common_apps.operations import registry
from common_apps.operations.services.cleanup import CleanupOutcome, run_cleanup
from common_apps.operations.sweeps import DailyCleanup

pytestmark = pytest.mark.django_db
NIGHT = datetime(2026, 5, 6, 1, 59, tzinfo=UTC)


@pytest.fixture
def steps() -> Iterator[list[str]]:
    """Two steps of our own instead of the site's; the list says which ran."""
    saved = dict(registry.cleanup_steps)
    registry.cleanup_steps.clear()
    ran: list[str] = []

    def step(name: str, removed: int) -> None:
        def run() -> int:
            ran.append(name)
            return removed

        registry.register_cleanup_step(name, run, place=removed)

    step("second", 20)
    step("first", 10)
    yield ran
    registry.cleanup_steps.clear()
    registry.cleanup_steps.update(saved)


def test_cleanup_runs_every_step_in_its_place_and_is_audited(steps: list[str]) -> None:
    assert run_cleanup(actor=SYSTEM) == [CleanupOutcome("first", 10), CleanupOutcome("second", 20)]
    assert steps == ["first", "second"]
    assert AuditLog.objects.get(action="site.cleaned").metadata == {
        "removed": {"first": 10, "second": 20},
        "failed": [],
    }


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("a bug")])
def test_cleanup_goes_on_when_a_step_fails(steps: list[str], error: Exception) -> None:
    def fail() -> int:
        raise error

    registry.register_cleanup_step("broken", fail, place=5)
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("cleanup", "--json", stdout=out)
    assert ended.value.code == 1
    told = {row["step"]: row for row in json.loads(out.getvalue())}
    assert told["broken"]["error"] and told["first"] == {"step": "first", "removed": 10, "error": None}
    assert steps == ["first", "second"]


def test_cleanup_stops_when_the_database_is_down(steps: list[str]) -> None:
    def fail() -> int:
        raise OperationalError("gone")

    registry.register_cleanup_step("broken", fail, place=5)
    with pytest.raises(OperationalError):
        run_cleanup(actor=SYSTEM)
    assert steps == []


def test_daily_cleanup_runs_once_after_two_in_the_night_and_again_the_next_day(steps: list[str]) -> None:
    clean = DailyCleanup()
    with time_machine.travel(NIGHT, tick=False) as clock:
        clean()
        assert steps == []
        clock.move_to(NIGHT + timedelta(minutes=1))
        clean()
        clean()
        assert steps == ["first", "second"]
        # A watcher that was started anew finds it done.
        DailyCleanup()()
        assert len(steps) == 2
        clock.move_to(NIGHT + timedelta(days=1, hours=9))
        clean()
        assert len(steps) == 4


def test_daily_cleanup_is_tried_again_when_the_database_was_down(steps: list[str]) -> None:
    def fail() -> int:
        if not steps:
            steps.append("tried")
            raise OperationalError("gone")
        return 0

    registry.register_cleanup_step("broken", fail, place=5)
    clean = DailyCleanup()
    with time_machine.travel(NIGHT + timedelta(hours=1), tick=False):
        with pytest.raises(OperationalError):
            clean()
        clean()
    assert steps == ["tried", "first", "second"]
