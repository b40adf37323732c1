"""Counts days, for whatever is kept or waited for by days."""

from __future__ import annotations

from datetime import date

from django.db import transaction

from common_apps.core import clock
from common_apps.transfer.models import DayCounter


def count_day() -> int:
    """The number of today's day: one more than before when the date differs from the last one seen, however far."""
    today = clock.now().date()
    known = DayCounter.objects.filter(pk=1, last_date=today).values_list("days", flat=True).first()
    if known is not None:
        return known
    with transaction.atomic():
        DayCounter.objects.get_or_create(pk=1, defaults={"days": 0, "last_date": date.min})
        counter = DayCounter.objects.select_for_update().get(pk=1)
        if counter.last_date != today:
            counter.days += 1
            counter.last_date = today
            counter.save()
        return counter.days


def known_day() -> int:
    """The number of the day that was counted last, without counting: for whoever reads inside a snapshot."""
    return DayCounter.objects.filter(pk=1).values_list("days", flat=True).first() or 0
