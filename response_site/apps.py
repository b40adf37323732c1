from django.apps import AppConfig


class ResponseSiteConfig(AppConfig):
    """The site itself as an app: its own commands, and what it declares to the shared apps."""

    name = "response_site"
    label = "response"

    def ready(self) -> None:
        """This site is the master of users and profile types, and sends both."""
        from common_apps.accounts.mastership import declare_master
        from common_apps.accounts.streams import ProfileTypesSender, UsersSender
        from common_apps.transfer.streams import register_state_sender
        from response_site.whitelists import indices_by_profile

        declare_master()
        register_state_sender("profile_types", ProfileTypesSender(indices_by_profile=indices_by_profile))
        register_state_sender("users", UsersSender())
