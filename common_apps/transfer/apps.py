from django.apps import AppConfig


class TransferConfig(AppConfig):
    name = "common_apps.transfer"
    label = "transfer"
