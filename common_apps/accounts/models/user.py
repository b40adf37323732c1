"""Users: one model for both sites, written on the response site, replicated to the request site."""

from __future__ import annotations

from typing import Any, ClassVar

from asgiref.sync import sync_to_async
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.hashers import check_password
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from common_apps.accounts.choices import Role
from common_apps.accounts.permissions import grants
from common_apps.core.ids import new_id


def validate_username(name: str) -> None:
    """Refuses what people can't type or tell apart: control characters, and blanks at either end."""
    if name != name.strip() or not name.isprintable():
        raise ValidationError("No blanks at either end, and no control characters.", code="invalid")


class UserManager(BaseUserManager["User"]):
    """Finds users; they are made by accounts.services alone."""

    def get_by_natural_key(self, username: str | None) -> User:
        """By user name, exactly as written."""
        return self.get(username=username)


class User(AbstractBaseUser):
    """A person or a service. Deleting is never done: is_active goes false and deleted_at says when.

    ``profile_type`` is the name of a profile type, without a database constraint: on the request site a user
    may come before the profile. The rate_limit_* and priority columns hold *effective* values, recomputed when the
    profile or ``overrides`` changes. ``dirty`` is set by a trigger when a replicated column changes; it and
    ``sent_seq`` tell the master what a delta must hold. ``synced_at`` and ``absent`` are the replica's.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    username = models.CharField(max_length=100, validators=[validate_username])
    email = models.EmailField(max_length=255, blank=True, default="")
    # Django's name for the hash is `password`; the column keeps its fixed name.
    password = models.CharField(max_length=255, db_column="hashed_password")
    full_name = models.CharField(max_length=255, blank=True, default="")
    role = models.CharField(max_length=20, choices=Role.choices, default=Role.USER)
    profile_type = models.ForeignKey(
        "accounts.ProfileType",
        to_field="name",
        db_column="profile_type",
        db_constraint=False,
        on_delete=models.PROTECT,
        related_name="users",
        default="basic",
    )
    overrides = models.JSONField(default=dict, blank=True)
    rate_limit_per_minute = models.PositiveIntegerField(default=10, editable=False)
    rate_limit_per_hour = models.PositiveIntegerField(default=100, editable=False)
    rate_limit_per_day = models.PositiveIntegerField(default=500, editable=False)
    priority = models.PositiveSmallIntegerField(default=5, editable=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    last_login = models.DateTimeField(null=True, blank=True, editable=False)
    synced_at = models.DateTimeField(null=True, blank=True, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    absent = models.BooleanField(default=False, editable=False, help_text="a snapshot of the master lacked this user")
    dirty = models.BooleanField(default=True, editable=False)
    sent_seq = models.PositiveBigIntegerField(
        null=True, blank=True, editable=False, help_text="version of the users bundle in which it last travelled"
    )

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        db_table = "users"
        ordering = ["username"]
        constraints = [
            # Deferred, so that two users may swap names within one import.
            models.UniqueConstraint(
                fields=["username"], name="users_username_unique", deferrable=models.Deferrable.DEFERRED
            ),
            models.CheckConstraint(name="users_role", condition=Q(role__in=Role.values)),
            models.CheckConstraint(name="users_priority", condition=Q(priority__range=(1, 10))),
        ]
        indexes = [models.Index(name="users_dirty", fields=["id"], condition=Q(dirty=True))]

    def __str__(self) -> str:
        return self.username

    @property
    def is_staff(self) -> bool:
        """May enter the admin: operators and admins."""
        return self.is_active and self.role in (Role.OPERATOR, Role.ADMIN)

    @property
    def is_superuser(self) -> bool:
        """Django asks this in places; the map in permissions.py is what decides."""
        return self.is_active and self.role == Role.ADMIN

    def check_password(self, raw_password: str | None) -> bool:
        """Whether this is the password. Unlike Django's own it never writes an upgraded hash: a replica can't."""
        return check_password(raw_password, self.password)

    async def acheck_password(self, raw_password: str | None) -> bool:
        """The same, for Django's asynchronous callers."""
        return await sync_to_async(self.check_password)(raw_password)

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Whether the role's map grants ``app.action_model``."""
        return self.is_active and grants(self.role, perm)

    def has_perms(self, perms: list[str], obj: Any = None) -> bool:
        """All of them."""
        return all(self.has_perm(perm, obj) for perm in perms)

    def has_module_perms(self, app_label: str) -> bool:
        """Whether the admin shows the app at all."""
        return self.is_staff
