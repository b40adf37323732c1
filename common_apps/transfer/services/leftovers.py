"""What a dead importer left behind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import structlog

from common_apps.transfer.bundle.envelope import measure
from common_apps.transfer.bundle.errors import BundleError
from common_apps.transfer.bundle.names import SIDECAR_SUFFIX
from common_apps.transfer.choices import WAITING, ImportStatus
from common_apps.transfer.folders import Folders, move_durably
from common_apps.transfer.models import ImportBatch

log = structlog.get_logger("transfer.import")

_AT_ONCE = 1000


def settle_copies(folders: Folders) -> None:
    """Takes up the private copies that a dead importer left: of what was applied they belong in the archive, others go.

    The caller holds the import lock. One that can't be moved stays for the next time, and keeps no file from being
    imported.
    """
    for copy in folders.incoming.iterdir():
        applied = ImportBatch.objects.filter(checksum=copy.stem, status=ImportStatus.COMPLETED).exists()
        try:
            if applied and copy.suffix == ".enc" and _is_whole(copy):
                move_durably(copy, folders.imported / copy.name)
            else:
                copy.unlink(missing_ok=True)
        except OSError as error:
            log.warning("a dead importer's copy can't be moved", file=copy.name, error=str(error))


def _is_whole(copy: Path) -> bool:
    """Whether the power went off behind its last byte."""
    try:
        return measure(copy).checksum == copy.stem
    except BundleError:
        return False


def remove_left_sidecars(sidecars: Sequence[Path]) -> set[Path]:
    """Of sidecars without a bundle those that were left when their bundle, settled, went from IMPORT_DIR; which.

    One that was written since then is not of these: somebody is copying the bundle once more.
    """
    removed = set()
    for begin in range(0, len(sidecars), _AT_ONCE):
        names = {path: path.name.removesuffix(SIDECAR_SUFFIX) for path in sidecars[begin : begin + _AT_ONCE]}
        settled = ImportBatch.objects.filter(filename__in=names.values()).exclude(status__in=WAITING)
        last_met = dict(settled.order_by("last_met_at").values_list("filename", "last_met_at"))
        for path, name in names.items():
            try:
                # ctime is this host's clock; mtime is whatever the copier wanted it to be.
                if name in last_met and path.lstat().st_ctime < last_met[name].timestamp():
                    path.unlink()
                    removed.add(path)
            except OSError:
                # A read-only medium, or gone meanwhile: it is listed as any other file that is not looked at.
                continue
    return removed
