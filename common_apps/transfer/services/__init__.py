"""The carry's work: writing bundles, taking in what has come, and knowing who holds what."""

from common_apps.transfer.registry import sent_streams
from common_apps.transfer.services.days import count_day
from common_apps.transfer.services.export import Apart, export_all, export_stream, is_export_due
from common_apps.transfer.services.export_steps import ExportOutcome
from common_apps.transfer.services.imports import import_path, scan_imports
from common_apps.transfer.services.met import ImportOutcome

__all__ = [
    "Apart",
    "ExportOutcome",
    "ImportOutcome",
    "count_day",
    "export_all",
    "export_stream",
    "import_path",
    "is_export_due",
    "scan_imports",
    "sent_streams",
]
