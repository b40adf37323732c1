"""API keys: made for services, rotated, revoked. A secret is on one page, once, and in no cookie or message."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from common_apps.accounts.admin.service_forms import ServiceAdmin, ServiceForm
from common_apps.accounts.choices import Scope
from common_apps.accounts.models import ApiKey
from common_apps.accounts.services.api_keys import create_api_key, revoke_api_key, rotate_api_key
from common_apps.audit.actors import actor_of
from common_apps.core.errors import DomainError


class ApiKeyForm(ServiceForm):
    """For whom, what it is called, what it may do, until when."""

    scopes = forms.MultipleChoiceField(choices=Scope.choices, widget=forms.CheckboxSelectMultiple)
    secret = ""

    class Meta:
        model = ApiKey
        fields = ("user", "name", "scopes", "expires_at")

    def perform(self) -> ApiKey:
        """Makes the key, and keeps its secret for the page that follows."""
        key, self.secret = create_api_key(actor=self.actor, **self.cleaned_data)
        return key

    def field_of(self, pointer: str) -> str:
        """A fault in one scope stands at the field of all."""
        return "scopes" if pointer.startswith("/scopes") else super().field_of(pointer)


@admin.register(ApiKey)
class ApiKeyAdmin(ServiceAdmin):
    """Keys of this site: they are not carried."""

    form = ApiKeyForm
    list_display = ("name", "prefix", "user", "scopes", "is_active", "last_used_at", "expires_at", "created_at")
    list_filter = ("is_active", "user__role")
    search_fields = ("name", "prefix", "user__username")
    list_select_related = ("user",)
    autocomplete_fields = ("user",)
    fields = ("user", "name", "scopes", "expires_at")
    actions = ("revoke", "rotate")
    secret_fields = ("key_hash",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """All but the hash, once it is there."""
        return self.fields if obj is None else ("id", *self.list_display, "metadata")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A key is made, rotated and revoked, not changed; the list is open to whoever may do these."""
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: revoke instead, so that the audit log's keys can be found."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Nothing to save; the secret goes to the answer."""
        request.new_api_key_secret = form.secret  # type: ignore[attr-defined]  # from here to response_add

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        """The page with the secret, instead of the list."""
        return self._show_secret(request, obj, request.new_api_key_secret)  # type: ignore[attr-defined]

    @admin.action(description="Revoke: they are good no more", permissions=["change"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[ApiKey]) -> None:
        """The service, one by one."""
        keys = list(chosen.filter(is_active=True))
        for key in keys:
            revoke_api_key(key=key, actor=actor_of(request))
        messages.success(request, f"{len(keys)} revoked.")

    @admin.action(description="Rotate one key: a new secret, the old one ends at once", permissions=["change"])
    def rotate(self, request: HttpRequest, chosen: QuerySet[ApiKey]) -> HttpResponse | None:
        """The service, for one key."""
        if chosen.count() != 1:
            messages.error(request, "Choose one key: its new secret is shown once.")
            return None
        try:
            key, secret = rotate_api_key(key=chosen.get(), actor=actor_of(request))
        except DomainError as error:
            messages.error(request, error.detail)
            return None
        return self._show_secret(request, key, secret)

    def _show_secret(self, request: HttpRequest, key: ApiKey, secret: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": f"API key {key.name}",
            "opts": self.opts,
            "key": key,
            "secret": secret,
        }
        response = TemplateResponse(request, "admin/accounts/apikey/secret.html", context)
        response["Cache-Control"] = "no-store"
        return response
