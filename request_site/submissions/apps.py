from django.apps import AppConfig


class SubmissionsConfig(AppConfig):
    name = "request_site.submissions"
    label = "submissions"
