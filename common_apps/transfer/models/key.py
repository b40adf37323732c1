"""Keys on their way out."""

from __future__ import annotations

from django.db import models


class LeavingKey(models.Model):
    """A key that retires when enough days have passed: an own box key that only decrypts and whose successor the
    other site has heard of, or a signing key of the other site that a newer one has replaced.

    ``since_day`` is a day of DayCounter. A key that is needed again has no row any more.
    """

    fingerprint = models.CharField(max_length=64, primary_key=True, help_text="SHA-256 of the public key")
    since_day = models.PositiveIntegerField()

    class Meta:
        db_table = "transfer_leaving_keys"
        ordering = ["since_day", "fingerprint"]
        verbose_name = "key"
        default_permissions = ("view",)
        permissions = [("change_keys", "Can rotate, confirm and revoke keys")]

    def __str__(self) -> str:
        return f"{self.fingerprint[:16]} since day {self.since_day}"
