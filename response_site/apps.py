from django.apps import AppConfig


class ResponseSiteConfig(AppConfig):
    """The site itself as an app: its own commands, and what it declares to the shared apps."""

    name = "response_site"
    label = "response"

    def ready(self) -> None:
        """This site is the master of users and profile types, and sends both."""
        from common_apps.accounts.mastership import declare_master
        from common_apps.accounts.streams import ProfileTypesSender, UsersSender
        from common_apps.queries.selectors import indices_by_profile_type
        from common_apps.transfer.registry import register_state_sender

        declare_master()
        register_state_sender("profile_types", ProfileTypesSender(indices_by_profile=indices_by_profile_type))
        register_state_sender("users", UsersSender())
