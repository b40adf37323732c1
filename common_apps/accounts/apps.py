from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class AccountsConfig(AppConfig):
    name = "common_apps.accounts"
    label = "accounts"
    default = True  # the other class below is named in INSTALLED_APPS by its path

    def ready(self) -> None:
        """Listens to logins, to write them into the audit log."""
        from common_apps.accounts import logins
        from common_apps.accounts.api import schema  # noqa: F401 - registers itself by being imported

        logins.listen()


class SiteAdminConfig(admin_apps.AdminConfig):
    """django.contrib.admin with our own login and password pages."""

    default_site = "common_apps.accounts.admin_site.AccountsAdminSite"
    default = False

    def ready(self) -> None:
        """Without groups: what a role may do stands in permissions.py."""
        super().ready()
        from django.contrib import admin
        from django.contrib.auth.models import Group

        admin.site.unregister(Group)
