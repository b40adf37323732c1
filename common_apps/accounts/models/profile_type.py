"""Profile types: the limits and the priority that a user has unless overridden."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from common_apps.core.ids import new_id


class ProfileType(models.Model):
    """A named set of limits. Master on the response site; replaced by the profile_types stream on the request site."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=50, unique=True)
    rate_limit_per_minute = models.PositiveIntegerField(default=10)
    rate_limit_per_hour = models.PositiveIntegerField(default=100)
    rate_limit_per_day = models.PositiveIntegerField(default=500)
    priority = models.PositiveSmallIntegerField(
        default=5, help_text="1 (last) to 10 (first)", validators=[MinValueValidator(1), MaxValueValidator(10)]
    )
    soft_limit_percent = models.PositiveSmallIntegerField(
        default=80, help_text="from here on answers warn", validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    max_size = models.PositiveIntegerField(
        default=1000, help_text="hits that one request may ask for", validators=[MaxValueValidator(1000)]
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "profile_types"
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(name="profile_types_priority", condition=Q(priority__range=(1, 10))),
            models.CheckConstraint(name="profile_types_soft_limit", condition=Q(soft_limit_percent__range=(1, 100))),
            models.CheckConstraint(name="profile_types_max_size", condition=Q(max_size__range=(0, 1000))),
        ]

    def __str__(self) -> str:
        return self.name
