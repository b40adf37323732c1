from django.apps import AppConfig


class SearchConfig(AppConfig):
    name = "response_site.search"
    label = "search"
