from django.apps import AppConfig


class SubmissionsConfig(AppConfig):
    name = "request_site.submissions"
    label = "submissions"

    def ready(self) -> None:
        from common_apps.queries.streams import STREAM as CATALOGUE
        from common_apps.queries.streams import CatalogueReceiver
        from common_apps.transfer import streams
        from request_site.submissions.streams import RequestSender, ResultReceiver

        streams.register_log_sender("requests", RequestSender())
        streams.register_log_receiver("results", ResultReceiver())
        streams.register_state_receiver(CATALOGUE, CatalogueReceiver())
