"""Which bundles are remembered."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q

from common_apps.transfer.choices import ImportStatus
from common_apps.transfer.folders import Folders, move_durably
from common_apps.transfer.models import ImportBatch

_REMEMBERED = Q(status=ImportStatus.COMPLETED) | Q(held_at__isnull=False) | Q(discarded_at__isnull=False)


def find_known(batch_id: UUID, folders: Folders) -> ImportBatch | None:
    """The row of a bundle that was applied, discarded, or is held; a held one whose file is gone is forgotten by
    this.
    """
    row = ImportBatch.objects.filter(_REMEMBERED, source_batch_id=batch_id).order_by("created_at").first()
    if row is None or row.status == ImportStatus.COMPLETED or row.discarded_at is not None:
        return row
    if (folders.quarantine / f"{row.checksum}.enc").is_file():
        return row
    ImportBatch.objects.filter(pk=row.pk).update(held_at=None, file_path="")
    return None


def settle_copies(folders: Folders) -> None:
    """Takes up the private copies that a dead importer left: of what was applied they belong in the archive, others go.

    The caller holds the import lock.
    """
    for copy in folders.incoming.iterdir():
        applied = ImportBatch.objects.filter(checksum=copy.stem, status=ImportStatus.COMPLETED).exists()
        if applied and copy.suffix == ".enc":
            move_durably(copy, folders.imported / copy.name)
        else:
            copy.unlink(missing_ok=True)
