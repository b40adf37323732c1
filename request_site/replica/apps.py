from django.apps import AppConfig


class ReplicaConfig(AppConfig):
    name = "request_site.replica"
    label = "replica"

    def ready(self) -> None:
        """This site holds the replicas of users and profile types, and a login writes nothing into them."""
        from django.contrib.auth.models import update_last_login
        from django.contrib.auth.signals import user_logged_in

        from common_apps.accounts.streams import ProfileTypesReceiver, UsersReceiver
        from common_apps.transfer.registry import register_state_receiver

        user_logged_in.disconnect(update_last_login, dispatch_uid="update_last_login")
        register_state_receiver("profile_types", ProfileTypesReceiver())
        register_state_receiver("users", UsersReceiver())
