"""Users: made and changed on the response site, seen on both. A hash is never shown."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from common_apps.accounts.admin.service_forms import MasterAdmin, ServiceForm
from common_apps.accounts.mastership import is_master
from common_apps.accounts.models import User
from common_apps.accounts.services.limits import MOST
from common_apps.accounts.services.users import change_user, create_user, set_password
from common_apps.audit.actors import actor_of
from common_apps.core.errors import DomainError

_WHO = ("username", "full_name", "email", "role", "profile_type", "is_active")


class UserForm(ServiceForm):
    """A user's own fields, an override for each limit (empty: the profile's), and a new password (empty: as it was)."""

    new_password = forms.CharField(
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 12 characters. Left empty, the password stays as it is; "
        "a new user without one can only use API keys.",
    )
    override_rate_limit_per_minute = forms.IntegerField(required=False, label="requests per minute")
    override_rate_limit_per_hour = forms.IntegerField(required=False, label="requests per hour")
    override_rate_limit_per_day = forms.IntegerField(required=False, label="requests per day")
    override_priority = forms.IntegerField(required=False, label="priority", help_text="1 (last) to 10 (first)")

    class Meta:
        model = User
        fields = _WHO

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in MOST:
            self.fields[f"override_{name}"].initial = self.instance.overrides.get(name)

    def perform(self) -> User:
        """Creates or changes the user, and sets the password where one was typed."""
        cleaned = self.cleaned_data
        overrides = {name: cleaned[f"override_{name}"] for name in MOST if cleaned[f"override_{name}"] is not None}
        fields = {name: cleaned[name] for name in _WHO if name in cleaned}
        fields["profile_type"] = fields["profile_type"].name
        password = cleaned["new_password"] or None
        if self.instance._state.adding:
            return create_user(password=password, overrides=overrides, actor=self.actor, **fields)
        user = change_user(user=self.instance, overrides=overrides, actor=self.actor, **fields)
        return set_password(user=user, password=password, actor=self.actor) if password else user

    def field_of(self, pointer: str) -> str:
        """Overrides and the password have fields of other names."""
        if pointer == "/password":
            return "new_password"
        name = super().field_of(pointer)
        return f"override_{name}" if pointer.startswith("/overrides/") else name


@admin.register(User)
class UserAdmin(MasterAdmin):
    """Users of both sites. Nobody is deleted: requests and the audit log name them."""

    form = UserForm
    list_display = ("username", "full_name", "email", "role", "profile_type_id", "limits", "is_active", "seen_at")
    list_filter = ("role", "profile_type", "is_active", "absent")
    search_fields = ("username", "email", "full_name", "=id")
    actions = ("deactivate", "activate")
    secret_fields = ("password",)
    _LIMITS = tuple(MOST)
    _MARKS = ("id", "created_at", "updated_at", "last_login", "synced_at", "deleted_at", "absent")

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """Also what the filter by profile asks for: Django takes a foreign key to a name for a foreign lookup."""
        return lookup == "profile_type__name__exact" or super().lookup_allowed(lookup, value, request)

    @admin.display(description="per minute / hour / day, priority")
    def limits(self, user: User) -> str:
        """The limits that count."""
        rates = f"{user.rate_limit_per_minute:,} / {user.rate_limit_per_hour:,} / {user.rate_limit_per_day:,}"
        return f"{rates}, {user.priority}"

    @admin.display(description="last login or import")
    def seen_at(self, user: User) -> Any:
        """The last login on the master, the last import on the replica."""
        return user.last_login if is_master() else user.synced_at

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The form's fields for whoever may change them; the model's, to be read, for everyone else."""
        may_type = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        if not may_type:
            return [
                (None, {"fields": _WHO}),
                ("Limits that count", {"fields": (*self._LIMITS, "overrides")}),
                ("Marks", {"fields": self._MARKS}),
            ]
        sets = [
            (None, {"fields": (*_WHO, "new_password")}),
            (
                "Overrides",
                {
                    "fields": tuple(f"override_{name}" for name in MOST),
                    "description": "What is left empty comes from the profile type.",
                },
            ),
        ]
        if obj is not None:
            sets += [("Limits that count", {"fields": self._LIMITS}), ("Marks", {"fields": self._MARKS})]
        return sets

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """What is computed."""
        return (*self._LIMITS, *self._MARKS)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: deactivate instead."""
        return False

    @admin.action(description="Deactivate: they are let in no more", permissions=["change"])
    def deactivate(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        """The service, one by one."""
        self._set_active(request, chosen, active=False)

    @admin.action(description="Activate: they are let in again", permissions=["change"])
    def activate(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        """The service, one by one."""
        self._set_active(request, chosen, active=True)

    def _set_active(self, request: HttpRequest, chosen: QuerySet[User], *, active: bool) -> None:
        done = 0
        for user in chosen.exclude(is_active=active):
            try:
                change_user(user=user, is_active=active, actor=actor_of(request))
                done += 1
            except DomainError as error:
                messages.error(request, f"{user.username}: {error.detail}")
        messages.success(request, f"{done} {'activated' if active else 'deactivated'}; the next carry takes it over.")
