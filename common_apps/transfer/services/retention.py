"""What is kept of bundles, and for how long. Days are DayCounter's: a clock that jumps takes nothing away.

What the other site may still need is never pruned: a bundle that is not confirmed stays. Should the other site lose a
confirmed one (a backup put back), its rows travel anew, not its file.
"""

from __future__ import annotations

from dataclasses import dataclass

from common_apps.audit.actors import Actor
from common_apps.audit.services import record
from common_apps.core import clock
from common_apps.core.failpoints import failpoint
from common_apps.transfer.choices import ExportStatus, ImportStatus
from common_apps.transfer.folders import Folders, remove_bundle, site_folders
from common_apps.transfer.locks import hold
from common_apps.transfer.models import ExportBatch, ImportBatch
from common_apps.transfer.registry import sent_streams
from common_apps.transfer.selectors import newest_state_bundle
from common_apps.transfer.services.days import count_day

FILE_DAYS = 7
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many files went: bundles of ours that the other site has, and bundles of the other site that are applied."""

    exports: int
    imports: int


def prune_files(*, actor: Actor) -> Pruned:
    """Removes from the archive what was confirmed, or applied and last met, at least a week ago.

    The newest bundle of each state stays, as does everything in quarantine. Broken off, the next call goes on.
    Raises TransferNotReadyError (folders), OSError.
    """
    folders = site_folders()
    folders.make_private()
    last = count_day() - FILE_DAYS
    pruned = Pruned(
        exports=sum(_prune_exports(stream, folders, last) for stream in sent_streams()),
        imports=_prune_imports(folders, last),
    )
    if pruned.exports or pruned.imports:
        record(
            action="bundle.files_pruned",
            actor=actor,
            metadata={"exports": pruned.exports, "imports": pruned.imports, "days": FILE_DAYS},
        )
    return pruned


def _prune_exports(stream: str, folders: Folders, last: int) -> int:
    with hold(folders.export_lock(stream), what=f"the export of {stream}"):
        newest = newest_state_bundle(stream)
        batches = ExportBatch.objects.filter(
            batch_type=stream, status=ExportStatus.COMPLETED, pruned_at=None, confirmed_day__lte=last
        )
        if newest is not None:
            batches = batches.exclude(pk=newest.pk)
        count = 0
        for batch in batches:
            for root in (folders.exports, folders.exported):
                remove_bundle(root / stream / batch.filename)
            failpoint("retention.export_removed")
            ExportBatch.objects.filter(pk=batch.pk).update(pruned_at=clock.now(), file_path="")
            count += 1
        return count


def _prune_imports(folders: Folders, last: int) -> int:
    """By what lies there: a duplicate that came after its copy was removed has brought it back."""
    with hold(folders.import_lock(), what="the import"):
        here = {path.stem: path for path in folders.imported.iterdir() if path.suffix == ".enc"}
        old = ImportBatch.objects.filter(status=ImportStatus.COMPLETED, last_met_day__lte=last)
        count = 0
        names = sorted(here)
        for start in range(0, len(names), _CHUNK):
            for row in old.filter(checksum__in=names[start : start + _CHUNK]):
                here[row.checksum].unlink(missing_ok=True)
                failpoint("retention.import_removed")
                ImportBatch.objects.filter(pk=row.pk).update(file_path="")
                count += 1
        return count
