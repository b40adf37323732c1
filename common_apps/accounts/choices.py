"""Closed lists of accounts."""

from __future__ import annotations

from django.db import models


class Role(models.TextChoices):
    """What a user may do; permissions.py maps each role to its permissions."""

    USER = "user", "User (asks)"
    OPERATOR = "operator", "Operator (views and carries)"
    ADMIN = "admin", "Admin (all)"
    SYSTEM = "system", "System (services, API only)"
