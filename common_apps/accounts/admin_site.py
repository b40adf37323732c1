"""The admin's doors: its login counts tries per address, its password page goes through our service."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.admin.forms import AdminAuthenticationForm, AdminPasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest
from django.urls import reverse_lazy

from common_apps.accounts.lockout import check_address
from common_apps.accounts.mastership import is_master
from common_apps.accounts.services.users import set_password
from common_apps.audit.actors import Actor, actor_of
from common_apps.core.errors import DomainError


class LoginForm(AdminAuthenticationForm):
    """The admin's login, limited per address."""

    def clean(self) -> Any:
        """Refuses before a password is looked at."""
        if self.request is not None:
            try:
                check_address(self.request)
            except DomainError as error:
                raise ValidationError(error.detail, code=error.code) from error
        return super().clean()


class OwnPasswordForm(AdminPasswordChangeForm):
    """Changes one's own password by the service, so that it is audited as any other."""

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.actor = actor

    def save(self, commit: bool = True) -> Any:
        """Sets the password; the caller refreshes the session."""
        return set_password(user=self.user, password=self.cleaned_data["new_password1"], actor=self.actor)


class _OwnPasswordView(PasswordChangeView):
    form_class = OwnPasswordForm
    template_name = "registration/password_change_form.html"
    success_url = reverse_lazy("admin:password_change_done")

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "actor": actor_of(self.request)}


class AccountsAdminSite(AdminSite):
    """django.contrib.admin's site on both sites."""

    login_form = LoginForm
    # Lists of bundles are wide: they need the room, and without JavaScript the sidebar's handle does nothing.
    enable_nav_sidebar = False
    site_header = f"Airferry, {settings.SITE} site"
    site_title = site_header
    index_title = settings.SITE_PURPOSE

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Besides Django's: whether a password can be changed here."""
        return {**super().each_context(request), "may_change_password": is_master()}

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """One's own password; on a replica nobody has one to change."""
        if not is_master():
            raise PermissionDenied("Passwords are changed on the response site.")
        request.current_app = self.name
        context = {**self.each_context(request), **(extra_context or {})}
        return _OwnPasswordView.as_view(extra_context=context)(request)
