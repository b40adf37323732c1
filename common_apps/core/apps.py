from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "common_apps.core"
    label = "core"
