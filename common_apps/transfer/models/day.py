"""Days as retention counts them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class DayCounter(models.Model):
    """One row: ``days`` goes up by one when the date differs from the last one seen, however far.

    A clock that jumps ten years ahead and back makes two days of it, so nothing that is kept for 60 days is lost.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    days = models.PositiveIntegerField(default=1)
    last_date = models.DateField()

    class Meta:
        db_table = "transfer_days"
        constraints = [models.CheckConstraint(name="transfer_days_one_row", condition=Q(id=1))]

    def __str__(self) -> str:
        return f"day {self.days} ({self.last_date})"
