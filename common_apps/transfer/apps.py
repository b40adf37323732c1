from django.apps import AppConfig


class TransferConfig(AppConfig):
    name = "common_apps.transfer"
    label = "transfer"

    def ready(self) -> None:
        """Holdings are transfer's own stream, both ways."""
        from common_apps.core.alerts import register_kinds
        from common_apps.transfer import checks  # noqa: F401 - registers the system checks
        from common_apps.transfer.alerts import KINDS
        from common_apps.transfer.bundle.streams import HOLDINGS
        from common_apps.transfer.registry import register_state_receiver, register_state_sender
        from common_apps.transfer.services.heeding import HoldingsReceiver
        from common_apps.transfer.services.holdings import HoldingsSender

        register_kinds(*KINDS)
        register_state_sender(HOLDINGS, HoldingsSender())
        register_state_receiver(HOLDINGS, HoldingsReceiver())
