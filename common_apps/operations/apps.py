from django.apps import AppConfig


class OperationsConfig(AppConfig):
    name = "common_apps.operations"
    label = "operations"

    def ready(self) -> None:
        from django.conf import settings

        from common_apps.core.alerts import register_sink
        from common_apps.operations import probes, setup, sweeps
        from common_apps.operations.registry import (
            register_check,
            register_cleanup_step,
            register_setup_step,
            register_sweep,
        )
        from common_apps.operations.services.alerts import AlertTable
        from common_apps.transfer.services.key_retirement import retire_keys

        register_sink(AlertTable())
        register_check("database", probes.database, needed=True)
        register_check("redis", probes.redis, needed=True)
        register_check("cache", probes.cache, needed=False)
        register_check("disk", probes.disk, needed=True)
        register_check("memory", probes.memory, needed=False)
        register_check("clock", probes.clock_skew, needed=False)
        register_check("workers", probes.workers, needed=False)
        register_check("keys", probes.keys, needed=False)
        register_check("alerts", probes.alerts, needed=False)
        register_sweep("rescan", sweeps.scan, every_seconds=settings.RESCAN_SECONDS)
        register_sweep("export_logs", sweeps.export_due_logs, every_seconds=sweeps.LOG_EXPORT_SECONDS)
        register_sweep("export_states", sweeps.export_changed_states, every_seconds=sweeps.STATE_EXPORT_SECONDS)
        register_sweep("seal_audit", sweeps.seal_audit, every_seconds=sweeps.SEAL_SECONDS)
        register_cleanup_step("bundle files", sweeps.prune_bundle_files, place=10)
        register_cleanup_step("retired keys", retire_keys, place=11)
        register_setup_step("folders", setup.make_folders, place=10)
        register_setup_step("keys", setup.make_keys, place=20)
