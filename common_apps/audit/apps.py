from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "common_apps.audit"
    label = "audit"
