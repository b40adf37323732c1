from django.apps import AppConfig


class OperationsConfig(AppConfig):
    name = "common_apps.operations"
    label = "operations"

    def ready(self) -> None:
        from common_apps.operations import probes, setup
        from common_apps.operations.registry import register_check, register_setup_step

        register_check("database", probes.database, needed=True)
        register_check("redis", probes.redis, needed=True)
        register_check("cache", probes.cache, needed=False)
        register_check("disk", probes.disk, needed=True)
        register_check("memory", probes.memory, needed=False)
        register_check("clock", probes.clock_skew, needed=False)
        register_check("workers", probes.workers, needed=False)
        register_setup_step("folders", setup.make_folders, place=10)
        register_setup_step("keys", setup.make_keys, place=20)
