"""The beat's schedules are rows: seeded once, then the operators'."""

import json

import pytest
from celery import current_app
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from common_apps.operations.registry import setup_steps
from response_site.execution.services.schedules import SCHEDULES, seed_schedules

pytestmark = pytest.mark.django_db

EVERY = {"A1": 60, "A2": 120, "A3": 3600, "A4": 300, "A5": 300, "Sw": 30}
NIGHTLY = "A11 cleanup"


def test_seed_enters_a1_to_a5_and_the_sweep_when_none_is_there() -> None:
    assert len(seed_schedules()) == len(EVERY) + 1
    ours = PeriodicTask.objects.filter(name__in=[one.name for one in SCHEDULES]).exclude(name=NIGHTLY)
    rows = {row.name[:2]: row for row in ours}
    assert {place: row.interval.every for place, row in rows.items()} == EVERY
    assert {row.interval.period for row in rows.values()} == {IntervalSchedule.SECONDS}
    assert json.loads(rows["A1"].args) == [["settings", "profile_types", "catalogue"]]
    assert json.loads(rows["A2"].args) == [["results"]]
    assert json.loads(rows["A5"].args) == [["users"]]
    assert all(row.enabled for row in rows.values())


def test_seeded_cleanup_comes_at_two_in_the_night_whatever_the_site_s_time_zone() -> None:
    seed_schedules()
    crontab = PeriodicTask.objects.get(name=NIGHTLY).crontab
    assert (crontab.minute, crontab.hour, crontab.day_of_week, str(crontab.timezone)) == ("0", "2", "*", "UTC")


def test_seed_changes_nothing_when_an_operator_has_edited_them() -> None:
    seed_schedules()
    slower, _ = IntervalSchedule.objects.get_or_create(every=10, period=IntervalSchedule.MINUTES)
    edited = PeriodicTask.objects.get(name__startswith="A2")
    edited.interval, edited.enabled, edited.args = slower, False, '[["results", "notifications"]]'
    edited.save()
    assert seed_schedules() == []
    again = PeriodicTask.objects.get(name__startswith="A2")
    assert (again.interval, again.enabled, again.args) == (slower, False, edited.args)


def test_seeded_tasks_are_known_to_celery_by_their_names() -> None:
    current_app.loader.import_default_modules()
    ours = {schedule.task for schedule in SCHEDULES if not schedule.task.startswith("transfer.")}
    assert ours <= set(current_app.tasks)


def test_beat_reads_the_schedules_when_they_are_seeded() -> None:
    seed_schedules()
    scheduler = DatabaseScheduler(app=current_app, lazy=True)
    entries = scheduler.all_as_schedule()
    # Beat reads a nightly row only in the hours around its time.
    often = [one for one in SCHEDULES if one.at_hour is None]
    assert {entries[one.name].options["queue"] for one in often} == {"transfer", "default", "queries"}


def test_setup_seeds_the_schedules_and_says_so() -> None:
    step = setup_steps["schedules"]
    assert step.run().startswith("entered A1")
    assert step.run() == "there already"
