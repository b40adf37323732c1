"""The sweeps that every site has: what no event told is found here."""

from __future__ import annotations

from datetime import date

import structlog

from common_apps.audit.actors import SYSTEM
from common_apps.audit.services import seal
from common_apps.operations.services.cleanup import due_day, run_cleanup, was_cleaned
from common_apps.transfer.bundle.streams import STREAMS
from common_apps.transfer.errors import TransferBusyError, TransferNotReadyError
from common_apps.transfer.services import Apart, export_stream, is_export_due, scan_imports, sent_streams
from common_apps.transfer.services.retention import prune_files

log = structlog.get_logger("operations.sweeps")

# Logs are asked often, since a row that waits is an asker who waits. A state is read whole to see whether it changed.
LOG_EXPORT_SECONDS = 2
STATE_EXPORT_SECONDS = 30
SEAL_SECONDS = 60
CLEANUP_SECONDS = 60


def scan() -> None:
    """Takes in what lies in IMPORT_DIR."""
    try:
        scan_imports(actor=SYSTEM)
    except (TransferNotReadyError, TransferBusyError) as error:
        log.warning("import_not_possible_yet", detail=error.detail)


def export_due_logs() -> None:
    """Exports each log stream of which enough waits, or something long enough."""
    _export("log")


def export_changed_states() -> None:
    """Exports each state stream that has something new to say."""
    _export("state")


def seal_audit() -> None:
    """Gives new audit rows their place in the chain."""
    seal()


def prune_bundle_files() -> int:
    """A step of the daily cleanup: files of bundles that nobody needs any more; how many went."""
    pruned = prune_files(actor=SYSTEM)
    return pruned.exports + pruned.imports


class DailyCleanup:
    """The cleanup where nothing beats: once a day, at 02:00 UTC or as soon as the watcher runs after that."""

    def __init__(self) -> None:
        self._done: date | None = None

    def __call__(self) -> None:
        """Cleans when it is due, and nobody has done it yet."""
        day = due_day()
        if day is None or day == self._done:
            return
        if not was_cleaned(day):
            run_cleanup(actor=SYSTEM)
        self._done = day


def _export(kind: str) -> None:
    apart = Apart()
    for stream in sent_streams():
        if STREAMS[stream].kind != kind or not is_export_due(stream):
            continue
        with apart.keep(stream):
            try:
                export_stream(stream=stream, actor=SYSTEM, wait=False)
            except TransferBusyError:
                continue  # whoever holds the lock takes what waits
            except TransferNotReadyError as error:
                log.warning("export_not_possible_yet", stream=stream, detail=error.detail)
                return
    apart.raise_first()
