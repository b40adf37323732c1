"""The catalogue in the admin: whitelists are set on the site that sends it, and seen on both."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from common_apps.accounts.models import ProfileType
from common_apps.audit.actors import actor_of
from common_apps.core.admin import ReadOnlyAdmin
from common_apps.queries.models import Dataset, Index
from common_apps.queries.services import publish_index
from common_apps.queries.streams import STREAM
from common_apps.transfer.registry import state_senders


def _profile_names() -> list[tuple[str, str]]:
    return [(name, name) for name in ProfileType.objects.order_by("name").values_list("name", flat=True)]


class WhitelistForm(forms.ModelForm):
    """An index's title, and the profiles that may ask it."""

    profile_types = forms.MultipleChoiceField(
        choices=_profile_names, required=False, widget=forms.CheckboxSelectMultiple, label="Profiles that may ask it"
    )
    every_profile_type = forms.BooleanField(
        required=False, label="Every profile may ask it, also those that are made later"
    )

    class Meta:
        model = Index
        fields = ["title", "every_profile_type", "profile_types"]


@admin.register(Index)
class IndexAdmin(ReadOnlyAdmin):
    """Indices; their fields come from the engine, by load_dataset."""

    form = WhitelistForm
    list_display = ["name", "title", "field_count", "who", "updated_at"]
    list_filter = ["every_profile_type"]
    search_fields = ["name", "title"]
    readonly_fields = ["name", "field_list", "created_at", "updated_at"]
    fields = ["name", "title", "every_profile_type", "profile_types", "field_list", "created_at", "updated_at"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As the role says, on the site that sends the catalogue."""
        return STREAM in state_senders and request.user.has_perm("queries.change_index")

    def save_model(self, request: HttpRequest, obj: Index, form: Any, change: bool) -> None:
        """By the service."""
        publish_index(
            name=obj.name,
            title=obj.title,
            fields={field["name"]: field["type"] for field in obj.fields},
            profile_types=None if obj.every_profile_type else obj.profile_types,
            actor=actor_of(request),
        )

    @admin.display(description="fields")
    def field_count(self, index: Index) -> int:
        """How many fields it has."""
        return len(index.fields)

    @admin.display(description="fields")
    def field_list(self, index: Index) -> str:
        """Names and types."""
        return ", ".join(f"{field['name']} ({field['type']})" for field in index.fields)

    @admin.display(description="profiles")
    def who(self, index: Index) -> str:
        """Who may ask it."""
        return "every profile" if index.every_profile_type else ", ".join(index.profile_types) or "nobody"


@admin.register(Dataset)
class DatasetAdmin(ReadOnlyAdmin):
    """What filter chips mean; entered by load_dataset."""

    list_display = ["name", "index", "metric", "updated_at"]
    search_fields = ["name", "index"]
