"""Closed lists of accounts."""

from __future__ import annotations

from django.db import models


class Role(models.TextChoices):
    """What a user may do; permissions.py maps each role to its permissions."""

    USER = "user", "User (asks)"
    OPERATOR = "operator", "Operator (views and carries)"
    ADMIN = "admin", "Admin (all)"
    SYSTEM = "system", "System (services, API only)"


class Scope(models.TextChoices):
    """What an API key may be used for."""

    REQUESTS_READ = "requests:read", "Read requests and results"
    REQUESTS_WRITE = "requests:write", "Submit and cancel requests"
    EXPORTS_RUN = "exports:run", "Run exports and imports"
    TASKS_READ = "tasks:read", "See tasks"
    TASKS_MANAGE = "tasks:manage", "Trigger and revoke tasks"
    METRICS_READ = "metrics:read", "Read metrics and health details"
    USERS_MANAGE = "users:manage", "Manage users and profile types"
