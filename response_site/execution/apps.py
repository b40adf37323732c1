from django.apps import AppConfig


class ExecutionConfig(AppConfig):
    name = "response_site.execution"
    label = "execution"
