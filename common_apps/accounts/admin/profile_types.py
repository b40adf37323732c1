"""Profile types: limits that many users share."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from common_apps.accounts.admin.service_forms import MasterAdmin, ServiceForm
from common_apps.accounts.models import ProfileType
from common_apps.accounts.services.profile_types import (
    change_profile_type,
    create_profile_type,
    delete_profile_type,
)
from common_apps.audit.actors import actor_of

_LIMITS = (
    "rate_limit_per_minute",
    "rate_limit_per_hour",
    "rate_limit_per_day",
    "priority",
    "soft_limit_percent",
    "max_size",
)


class ProfileTypeForm(ServiceForm):
    """A profile's limits; its name only while it is new."""

    class Meta:
        model = ProfileType
        fields = ("name", *_LIMITS)

    def perform(self) -> ProfileType:
        """Creates the profile, or changes it and all its users' limits."""
        limits: Any = {name: self.cleaned_data[name] for name in _LIMITS}
        if self.instance._state.adding:
            return create_profile_type(name=self.cleaned_data["name"], actor=self.actor, **limits)
        change_profile_type(profile=self.instance, actor=self.actor, **limits)
        return self.instance


@admin.register(ProfileType)
class ProfileTypeAdmin(MasterAdmin):
    """Profile types of both sites."""

    form = ProfileTypeForm
    list_display = ("name", *_LIMITS, "user_count", "updated_at")
    search_fields = ("name",)
    fields = ("name", *_LIMITS)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProfileType]:
        """With the number of users of each."""
        return super().get_queryset(request).annotate(user_count=Count("users"))

    @admin.display(description="users", ordering="user_count")
    def user_count(self, profile: Any) -> int:
        """How many users have it."""
        return profile.user_count

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """The name stays: users and whitelists know the profile by it."""
        return ("name",) if obj is not None else ()

    def delete_model(self, request: HttpRequest, obj: ProfileType) -> None:
        """By the service."""
        delete_profile_type(profile=obj, actor=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ProfileType]) -> None:
        """By the service, one by one."""
        for profile in queryset:
            self.delete_model(request, profile)
