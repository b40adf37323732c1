from django.apps import AppConfig


class ReplicaConfig(AppConfig):
    name = "request_site.replica"
    label = "replica"
