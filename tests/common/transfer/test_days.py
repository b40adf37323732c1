"""Days are counted, not read."""

from __future__ import annotations

from typing import Any

from common_apps.transfer.services import count_day


def test_count_day_goes_up_by_one_when_the_date_differs_however_far(db: None, time_machine: Any) -> None:
    counted = []
    for moment in ("2026-11-23", "2026-11-23", "2036-01-01", "2026-11-23", "2026-11-24"):
        time_machine.move_to(f"{moment}T12:00:00Z", tick=False)
        counted.append(count_day())
    assert counted == [1, 1, 2, 3, 4]


def test_count_day_begins_when_the_first_day_of_a_site_is_a_leap_day(db: None, time_machine: Any) -> None:
    time_machine.move_to("2028-02-29T12:00:00Z", tick=False)
    assert count_day() == 1
