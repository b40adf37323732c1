"""Which bundles are remembered, and which of them are forgotten again."""

from __future__ import annotations

from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q

from common_apps.transfer.choices import ImportStatus
from common_apps.transfer.folders import Folders
from common_apps.transfer.models import AppliedState, ImportBatch
from common_apps.transfer.services.alarms import tell_no_longer_held

_HELD = Q(status=ImportStatus.FAILED, held_at__isnull=False, discarded_at=None)
_REMEMBERED = Q(status=ImportStatus.COMPLETED) | Q(discarded_at__isnull=False) | _HELD


def was_met(batch_id: UUID) -> bool:
    """Whether a bundle of this id has come before, whatever became of it."""
    with connection.cursor() as cursor:
        # Nearly always there is none, and a constant statement says so at a fraction of a built one's price.
        cursor.execute("SELECT EXISTS (SELECT FROM import_batches WHERE source_batch_id = %s)", [batch_id])
        return bool(cursor.fetchone()[0])


def find_known(batch_id: UUID, folders: Folders) -> ImportBatch | None:
    """The row of a bundle that was applied, discarded, or is held; a held one whose file is gone is forgotten by
    this.
    """
    if not was_met(batch_id):
        return None
    row = ImportBatch.objects.filter(_REMEMBERED, source_batch_id=batch_id).order_by("created_at").first()
    return None if row is not None and forget_lost(row, folders) else row


def forget_lost_held(folders: Folders) -> int:
    """Held bundles whose quarantined file is gone are forgotten, so that they come again; how many."""
    return sum(forget_lost(row, folders) for row in ImportBatch.objects.filter(_HELD))


def forget_lost(row: ImportBatch, folders: Folders) -> bool:
    """A held bundle whose quarantined file is gone is forgotten; whether it was."""
    if row.held_at is None or row.discarded_at is not None:
        return False
    if (folders.quarantine / f"{row.checksum}.enc").is_file():
        return False
    with transaction.atomic():
        ImportBatch.objects.filter(pk=row.pk).update(status=ImportStatus.DROPPED, held_at=None, file_path="")
        # Of a state it was told as refused, and what is refused is not carried again.
        AppliedState.objects.filter(refused_batch_id=row.source_batch_id).update(
            refused_seq=None, refused_batch_id=None, refused_code=""
        )
        tell_no_longer_held(row.source_batch_id)
    return True
