"""One row for every time that a stick was plugged in here."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from common_apps.core.ids import new_id
from common_apps.transfer.choices import CarryStatus


class Carry(models.Model):
    """A run of ``media sync`` on this site.

    ::

        running --> fine       all that came is settled, all that has to go is on the stick
                +-> attention  something was quarantined, or stays behind
                +-> failed     it could not be done: report.fault says why
                +-> broken     its process died; the next run found that, and repaired what it had left

    ``report`` is what the command prints as JSON, its lists cut to the first 500; empty while it runs.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    status = models.CharField(max_length=10, choices=CarryStatus.choices, default=CarryStatus.RUNNING)
    begun_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    user_id = models.UUIDField(null=True, blank=True, help_text="who asked for it; none: the command")
    stick = models.TextField(blank=True, default="")
    trip = models.CharField(max_length=32, blank=True, default="")
    report = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "carries"
        ordering = ["-begun_at", "-id"]
        verbose_name_plural = "carries"
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(name="carries_status", condition=Q(status__in=CarryStatus.values)),
            models.CheckConstraint(
                name="carries_ended",
                condition=Q(status=CarryStatus.RUNNING, ended_at=None)
                | (~Q(status=CarryStatus.RUNNING) & Q(ended_at__isnull=False)),
            ),
        ]
        indexes = [models.Index(F("begun_at").desc(), F("id").desc(), name="carries_newest")]

    def __str__(self) -> str:
        return f"{self.begun_at:%Y-%m-%d %H:%M:%S} {self.status}"
