from django.apps import AppConfig


class SubmissionsConfig(AppConfig):
    name = "request_site.submissions"
    label = "submissions"

    def ready(self) -> None:
        from common_apps.queries.streams import STREAM as CATALOGUE
        from common_apps.queries.streams import CatalogueReceiver
        from common_apps.transfer import registry
        from request_site.submissions.streams import RequestSender, ResultReceiver

        registry.register_log_sender("requests", RequestSender())
        registry.register_log_receiver("results", ResultReceiver())
        registry.register_state_receiver(CATALOGUE, CatalogueReceiver())
