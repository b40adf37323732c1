"""Admin pages whose forms call a service, so that admin, API and commands do the same thing with the same audit."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from common_apps.accounts.mastership import is_master
from common_apps.audit.actors import SYSTEM, Actor, actor_of
from common_apps.core.errors import DomainError


class ServiceForm(forms.ModelForm):
    """A form that is valid when the service has done what it asks for; what the service refuses stands at its field.

    The admin wraps the page in a transaction, and a form without inlines saves right after it was found valid.
    """

    actor: Actor = SYSTEM

    def perform(self) -> Any:
        """Calls the service with the cleaned data; returns the row."""
        raise NotImplementedError

    def _post_clean(self) -> None:
        # Instead of Django's: the service validates the model.
        if self.errors:
            return
        try:
            self.instance = self.perform()
        except DomainError as error:
            for fault in error.errors:
                name = self.field_of(fault.pointer)
                self.add_error(name if name in self.fields else None, fault.detail)
            if not error.errors:
                self.add_error(None, error.detail)

    def field_of(self, pointer: str) -> str:
        """The form's field for a fault's pointer."""
        return pointer.rpartition("/")[2]

    def save(self, commit: bool = True) -> Any:
        """The row that the service wrote."""
        return self.instance

    def save_m2m(self) -> None:
        """Nothing: the service has saved; the admin calls this after save()."""


class ServiceAdmin(admin.ModelAdmin):
    """A page over a ServiceForm; the model itself is never saved from here."""

    # Whoever may see the list must not find these out by filtering it, a character at a time.
    secret_fields: tuple[str, ...] = ()

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """As usual, but for secrets."""
        return lookup.partition("__")[0] not in self.secret_fields and super().lookup_allowed(lookup, value, request)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form, which knows who asks."""
        form = super().get_form(request, obj, change=change, **kwargs)
        return type(form.__name__, (form,), {"actor": actor_of(request)})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Nothing: the service has saved."""


class MasterAdmin(ServiceAdmin):
    """Changes on the master alone; on the replica the same rows are to be seen, and a forged form is a 403."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """As the role says, on the master."""
        return is_master() and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As the role says, on the master."""
        return is_master() and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As the role says, on the master."""
        return is_master() and super().has_delete_permission(request, obj)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """An action is a change."""
        if request.method == "POST" and not self.has_change_permission(request):
            raise PermissionDenied
        return super().changelist_view(request, extra_context)
