"""The beat's schedules: rows that operators edit. Seeded once, never overwritten."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from django.db import transaction
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask


@dataclass(frozen=True, slots=True)
class Schedule:
    """A periodic task. ``name`` is what the row is known by, whatever else an operator has changed of it.

    ``every_seconds`` from the last run, or each day at the hour ``at_hour`` (UTC).
    """

    name: str
    task: str
    every_seconds: int
    description: str
    queue: str
    args: list[object] = field(default_factory=list)
    at_hour: int | None = None


SCHEDULES: tuple[Schedule, ...] = (
    Schedule(
        "A1 export settings, profile types and the catalogue",
        "transfer.export",
        60,
        "Writes a bundle of each of these that has changed since the last one.",
        "transfer",
        [["settings", "profile_types", "catalogue"]],
    ),
    Schedule(
        "A2 export results",
        "transfer.export",
        120,
        "Writes the answers that wait, 500 a bundle, until none is left.",
        "transfer",
        [["results"]],
    ),
    Schedule(
        "A3 cache maintenance",
        "execution.maintain_cache",
        3600,
        "Removes what can't be hit any more and logs the hit ratio.",
        "default",
    ),
    Schedule("A4 system monitoring", "operations.monitor", 300, "Checks health and seals the audit log.", "default"),
    Schedule(
        "A5 export users",
        "transfer.export",
        300,
        "Writes a bundle of the users when one has changed since the last one.",
        "transfer",
        [["users"]],
    ),
    Schedule(
        "A11 cleanup",
        "operations.cleanup",
        24 * 3600,
        "Removes files and rows that are of no use any more.",
        "transfer",
        at_hour=2,
    ),
    Schedule(
        "Sweep of the request queue",
        "execution.sweep",
        30,
        "Wakes drains for requests that nobody woke one for: retries that are due, requests of workers that died.",
        "queries",
    ),
)


def seed_schedules() -> list[str]:
    """Enters the schedules that are not there by their names; the names of those that were entered.

    One that an operator has changed or switched off stays as it is. One that was deleted comes back: to stop a task,
    switch it off.
    """
    entered = []
    with transaction.atomic():
        for schedule in SCHEDULES:
            if PeriodicTask.objects.filter(name=schedule.name).exists():
                continue
            PeriodicTask.objects.create(
                name=schedule.name,
                task=schedule.task,
                **_rhythm(schedule),
                args=json.dumps(schedule.args),
                queue=schedule.queue,
                description=schedule.description,
                # A message that waited longer than two rounds is stale: the next one does the work.
                expire_seconds=max(60, 2 * schedule.every_seconds),
            )
            entered.append(schedule.name)
    return entered


def _rhythm(schedule: Schedule) -> dict[str, CrontabSchedule | IntervalSchedule]:
    """The row that says when, as PeriodicTask takes it."""
    if schedule.at_hour is not None:
        crontab, _ = CrontabSchedule.objects.get_or_create(
            minute="0",
            hour=str(schedule.at_hour),
            day_of_week="*",
            day_of_month="*",
            month_of_year="*",
            timezone="UTC",
        )
        return {"crontab": crontab}
    interval, _ = IntervalSchedule.objects.get_or_create(every=schedule.every_seconds, period=IntervalSchedule.SECONDS)
    return {"interval": interval}
