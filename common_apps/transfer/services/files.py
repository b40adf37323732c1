"""The files of written bundles: what has to go lies in EXPORT_DIR, what the peer has in the archive, and the rest
nowhere.
"""

from __future__ import annotations

import os
from pathlib import Path

import structlog
from django.db.models import Q, QuerySet

from common_apps.core import clock
from common_apps.core.failpoints import failpoint
from common_apps.transfer.bundle.durability import replace_atomically
from common_apps.transfer.bundle.envelope import measure
from common_apps.transfer.bundle.errors import BundleError
from common_apps.transfer.bundle.header import parse_header
from common_apps.transfer.bundle.layout import PREFIX_SIZE, parse_prefix
from common_apps.transfer.bundle.names import PART_SUFFIX, sidecar_name
from common_apps.transfer.bundle.sidecar import build_sidecar, encode_sidecar
from common_apps.transfer.choices import ExportStatus
from common_apps.transfer.folders import Folders, move_durably, remove_bundle
from common_apps.transfer.models import ExportBatch
from common_apps.transfer.selectors import locate_bundle

log = structlog.get_logger("transfer.files")


def tidy_exports(*, stream: str, folders: Folders) -> None:
    """Moves confirmed bundles from EXPORT_DIR to the archive, and removes superseded, ended and failed ones. The
    caller holds the lock.

    What was begun and broken off is done by the next call. Raises OSError.
    """
    columns = ("batch_type", "filename", "status", "superseded_at", "ended_at")
    for batch in untidy_exports(stream, folders).only(*columns):
        failpoint("export.tidying")
        if batch.status == ExportStatus.FAILED:
            remove_written(folders.exports / stream / batch.filename)
            ExportBatch.objects.filter(pk=batch.pk).update(file_path="")
            continue
        if batch.superseded_at is None and batch.ended_at is None:
            _archive(batch, folders)
            continue
        for root in (folders.exports, folders.exported):
            remove_bundle(root / stream / batch.filename)
        ExportBatch.objects.filter(pk=batch.pk).update(pruned_at=clock.now(), file_path="")


def untidy_exports(stream: str, folders: Folders) -> QuerySet[ExportBatch]:
    """Bundles whose files lie in EXPORT_DIR though the peer has them, or lie anywhere though nobody needs them; of the
    failed ones those whose disk was read-only then.
    """
    kept = Q(status=ExportStatus.COMPLETED, pruned_at=None)
    gone = Q(superseded_at__isnull=False) | Q(ended_at__isnull=False)
    here = Q(confirmed_at__isnull=False, file_path__startswith=f"{folders.exports / stream}/")
    left = Q(status=ExportStatus.FAILED) & ~Q(file_path="")
    return ExportBatch.objects.filter((kept & (gone | here)) | left, batch_type=stream)


def remove_written(path: Path) -> None:
    """Removes what there is of a bundle: part, file, sidecar. Nothing is asked of the disk where there is nothing.
    Raises OSError.
    """
    remove_bundle(path)
    part = path.with_name(path.name + PART_SUFFIX)
    if os.path.lexists(part):
        part.unlink(missing_ok=True)


def return_to_exports(path: Path, folders: Folders, batch: ExportBatch) -> None:
    """A bundle that has to go again, and is intact, lies in EXPORT_DIR beside its sidecar: moved back from the archive
    if it is there. Raises OSError.
    """
    target = folders.exports / batch.batch_type / batch.filename
    if path != target:
        move_durably(path, target)
    # The sidecar last: its presence says that the bundle is complete. It may be missing, too, where an earlier move
    # was broken off behind the first file.
    sidecar = target.with_name(sidecar_name(target.name))
    archived = folders.exported / batch.batch_type / sidecar.name
    if not sidecar.is_file() and archived.is_file():
        move_durably(archived, sidecar)
    _mend_sidecar(target, sidecar, batch)
    # Also where an earlier move was done, and the transaction that it belonged to rolled back.
    if batch.file_path != str(target):
        ExportBatch.objects.filter(pk=batch.pk).update(file_path=str(target))


def _mend_sidecar(path: Path, sidecar: Path, batch: ExportBatch) -> None:
    """A disk may lose or damage the sidecar alone: the other site would refuse the bundle for it at every trip."""
    with path.open("rb") as file:
        header = parse_header(file.read(parse_prefix(file.read(PREFIX_SIZE))))
    right = encode_sidecar(build_sidecar(header, size=path.stat().st_size, checksum=batch.checksum))
    if not sidecar.is_file() or sidecar.read_bytes() != right:
        log.warning("a bundle's sidecar is written again", file=batch.filename)
        replace_atomically(sidecar, right)


def is_intact(batch: ExportBatch, folders: Folders) -> bool:
    """Whether the bundle's file is there with the bytes that were written. One that can't be read is not."""
    path = locate_bundle(batch, folders)
    try:
        if path is None or path.stat().st_size != batch.file_size_bytes:
            return False
        return measure(path).checksum == batch.checksum
    except (BundleError, OSError) as error:
        log.warning("a bundle's file can't be read", file=batch.filename, error=str(error))
        return False


def _archive(batch: ExportBatch, folders: Folders) -> None:
    source = folders.exports / batch.batch_type / batch.filename
    target = folders.exported / batch.batch_type / batch.filename
    sidecar = source.with_name(sidecar_name(source.name))
    # The sidecar first: a bundle without one is not taken for complete by whoever copies the folder meanwhile.
    for each in (sidecar, source):
        if each.is_file():
            move_durably(each, target.with_name(each.name))
    ExportBatch.objects.filter(pk=batch.pk).update(file_path=str(target))
