from django.apps import AppConfig


class OperationsConfig(AppConfig):
    name = "common_apps.operations"
    label = "operations"
