from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "common_apps.accounts"
    label = "accounts"
