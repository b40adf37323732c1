"""Takes up what a dead exporter left. The caller holds the stream's lock, so its exporter is dead indeed."""

from __future__ import annotations

import structlog
from django.conf import settings

from common_apps.transfer.bundle.errors import BundleError
from common_apps.transfer.bundle.writer import WrittenBundle, read_back, write_latest, write_sidecar
from common_apps.transfer.models import ExportBatch
from common_apps.transfer.selectors import unfinished_exports
from common_apps.transfer.services.export_steps import ExportRun, complete_batch, fail_batch

log = structlog.get_logger("transfer.export")


def remove_strays(run: ExportRun) -> None:
    """What was never whole: a sidecar, latest.json, the beginning of a bundle of which no row tells any more."""
    for stray in run.folder.glob(".*.part"):
        try:
            stray.unlink(missing_ok=True)
        except OSError as error:
            # A disk that is read-only now: the rows are given back all the same.
            log.warning("part can't be removed yet", file=str(stray), error=str(error))


def recover_exports(*, run: ExportRun) -> None:
    """Finishes each bundle whose file is there and sound; of the others what is there goes, and their rows are
    pending again.
    """
    for batch in unfinished_exports(run.stream):
        written = _find_sound(run, batch)
        if written is None:
            fault = fail_batch(run=run, batch=batch, reason="the exporter died before the bundle was written")
            run.done.append(fault)
            continue
        # Also where one is there: a power cut may have left it torn.
        write_sidecar(written)
        write_latest(written)
        complete_batch(run=run, batch=batch, written=written, outcome="recovered")


def _find_sound(run: ExportRun, batch: ExportBatch) -> WrittenBundle | None:
    try:
        written = read_back(run.folder / batch.filename, run.keys.own, settings.SITE, run.limits)
    except (BundleError, FileNotFoundError):
        return None
    return written if written.batch_id == batch.id and written.header.seq == batch.seq else None
