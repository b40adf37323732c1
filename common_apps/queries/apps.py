from django.apps import AppConfig


class QueriesConfig(AppConfig):
    name = "common_apps.queries"
    label = "queries"
