"""What the operators have to know of."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from common_apps.core.alerts import kinds
from common_apps.core.ids import new_id


class Alert(models.Model):
    """Something that an operator has to know of; ``common_apps.core.alerts`` has the codes.

    ::

        open --(event) acknowledged--> ended
        open --(lasting) end_alert---> ended     acknowledged meanwhile or not

    One is open for each code and subject; raised again it counts up, and asks to be acknowledged anew.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    code = models.CharField(max_length=64)
    subject = models.CharField(max_length=200, help_text="a bundle's id, a stream, the site")
    level = models.CharField(max_length=10, choices=[("warning", "warning"), ("critical", "critical")])
    detail = models.TextField()
    facts = models.JSONField(default=dict, blank=True)
    count = models.PositiveIntegerField(default=1, help_text="how often it was raised")
    raised_at = models.DateTimeField()
    last_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.UUIDField(null=True, blank=True, help_text="a user's id")

    class Meta:
        db_table = "alerts"
        ordering = ["-raised_at", "-id"]
        default_permissions = ("view",)
        permissions = [("acknowledge_alert", "Can acknowledge alerts")]
        constraints = [
            models.CheckConstraint(name="alerts_level", condition=Q(level__in=["warning", "critical"])),
            models.UniqueConstraint(name="alerts_open", fields=["code", "subject"], condition=Q(ended_at=None)),
        ]
        indexes = [models.Index(F("raised_at").desc(), F("id").desc(), name="alerts_newest")]

    def __str__(self) -> str:
        return f"{self.code} {self.subject}"

    @property
    def state(self) -> str:
        """open, acknowledged (still lasting) or ended."""
        if self.ended_at is not None:
            return "ended"
        return "open" if self.acknowledged_at is None else "acknowledged"

    @property
    def title(self) -> str:
        """The code in a few words."""
        return kinds[self.code].title if self.code in kinds else self.code

    @property
    def meaning(self) -> str:
        """What the code means."""
        return kinds[self.code].meaning if self.code in kinds else ""

    @property
    def cure(self) -> str:
        """What to do about it."""
        return kinds[self.code].cure if self.code in kinds else ""
