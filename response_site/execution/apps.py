from django.apps import AppConfig


class ExecutionConfig(AppConfig):
    name = "response_site.execution"
    label = "execution"

    def ready(self) -> None:
        """This site takes requests, sends answers, is the master of the catalogue, and seeds its schedules."""
        from common_apps.operations.registry import register_setup_step
        from common_apps.queries.streams import STREAM, CatalogueSender
        from common_apps.transfer.registry import (
            register_log_receiver,
            register_log_sender,
            register_state_sender,
            register_unanswered,
        )
        from response_site.execution.selectors import count_unanswered
        from response_site.execution.services.schedules import seed_schedules
        from response_site.execution.streams import REQUESTS, RESULTS, RequestReceiver, ResultSender

        register_log_receiver(REQUESTS, RequestReceiver())
        register_log_sender(RESULTS, ResultSender())
        register_state_sender(STREAM, CatalogueSender())
        register_unanswered(count_unanswered)
        register_setup_step(
            "schedules",
            lambda: f"entered {', '.join(entered)}" if (entered := seed_schedules()) else "there already",
            place=30,
        )
