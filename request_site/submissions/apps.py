from django.apps import AppConfig


class SubmissionsConfig(AppConfig):
    name = "request_site.submissions"
    label = "submissions"

    def ready(self) -> None:
        from common_apps.operations.registry import register_cleanup_step, register_restore_step, register_sweep
        from common_apps.operations.sweeps import CLEANUP_SECONDS, DailyCleanup
        from common_apps.queries.streams import STREAM as CATALOGUE
        from common_apps.queries.streams import CatalogueReceiver
        from common_apps.transfer import registry
        from request_site.submissions.services.expiry import expire_idempotency_keys
        from request_site.submissions.services.restoring import make_unanswered_pending
        from request_site.submissions.streams import RequestSender, ResultReceiver

        registry.register_log_sender("requests", RequestSender())
        registry.register_log_receiver("results", ResultReceiver())
        registry.register_state_receiver(CATALOGUE, CatalogueReceiver())
        register_restore_step("requests_made_pending", make_unanswered_pending)
        register_cleanup_step("idempotency keys", expire_idempotency_keys, place=20)
        # Nothing beats on this site: the watcher does what the response site's schedule does there.
        register_sweep("cleanup", DailyCleanup(), every_seconds=CLEANUP_SECONDS)
