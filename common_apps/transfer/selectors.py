"""Questions about bundles: which is the newest, which has to go, which is in quarantine."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

from django.db.models import Max, Q, QuerySet

from common_apps.core.clock import to_wire
from common_apps.transfer.bundle.errors import describe
from common_apps.transfer.bundle.streams import HOLDINGS
from common_apps.transfer.choices import STATE_MODES, UNFINISHED_EXPORTS, BundleMode, ExportStatus, ImportStatus
from common_apps.transfer.folders import Folders, site_folders
from common_apps.transfer.models import ExportBatch, HeardState, ImportBatch

# Applied or refused: either way the newest bundle of a state need not be carried any more.
_LIVE = Q(status=ExportStatus.COMPLETED, superseded_at=None, ended_at=None)


def newest_version(stream: str) -> int:
    """The greatest number that a bundle of the stream was given here, whatever became of it; 0 for none."""
    return ExportBatch.objects.filter(batch_type=stream).aggregate(greatest=Max("seq"))["greatest"] or 0


def newest_state_bundle(stream: str) -> ExportBatch | None:
    """The newest bundle of a state that was written."""
    return (
        ExportBatch.objects.filter(batch_type=stream, status=ExportStatus.COMPLETED, mode__in=STATE_MODES)
        .order_by("-seq")
        .first()
    )


def unfinished_exports(stream: str) -> QuerySet[ExportBatch]:
    """What a dead exporter left. Only the stream's lock makes sure that its exporter is dead."""
    return ExportBatch.objects.filter(batch_type=stream, status__in=UNFINISHED_EXPORTS).order_by("id")


def unconfirmed_bundles() -> QuerySet[ExportBatch]:
    """Own log bundles that the peer has not confirmed, the oldest first; held ones are among them."""
    return ExportBatch.objects.filter(_LIVE, mode=BundleMode.BATCH, confirmed_at=None).order_by("created_at", "id")


def bundles_to_carry() -> list[ExportBatch]:
    """What has to go: the newest holdings, each state that the peer has neither applied nor refused, then what is
    unconfirmed.

    A bundle that the peer holds in its quarantine stays: its operators decide. The order is the one in which a stick
    that is too small takes them.
    """
    return states_to_carry() + list(unconfirmed_bundles().filter(held_at=None))


def states_to_carry() -> list[ExportBatch]:
    """The newest bundle of each state that the peer has neither applied nor refused, holdings first."""
    newest = (
        ExportBatch.objects.filter(status=ExportStatus.COMPLETED, mode__in=STATE_MODES)
        .order_by("batch_type", "-seq")
        .distinct("batch_type")
    )
    heard = {state.stream: state for state in HeardState.objects.all()}
    states = [
        batch
        for batch in newest
        if batch.superseded_at is None and not _is_settled_there(batch, heard.get(batch.batch_type))
    ]
    states.sort(key=lambda batch: batch.batch_type != HOLDINGS)
    return states


def _is_settled_there(batch: ExportBatch, heard: HeardState | None) -> bool:
    return heard is not None and batch.id in (heard.batch_id, heard.refused_batch_id)


def locate_bundle(batch: ExportBatch, folders: Folders | None = None) -> Path | None:
    """Where the bundle's file lies: in EXPORT_DIR, or in the archive; None where it is in neither."""
    folders = folders or site_folders()
    for root in (folders.exports, folders.exported):
        path = root / batch.batch_type / batch.filename
        if path.is_file():
            return path
    return None


def quarantined() -> QuerySet[ImportBatch]:
    """What lies in quarantine, the newest first: held bundles, and what was not authentic or wrongly named."""
    return ImportBatch.objects.filter(status=ImportStatus.FAILED, discarded_at=None)


def held_bundles() -> QuerySet[ImportBatch]:
    """Those of the quarantine that are remembered, and wait for an operator's word."""
    return quarantined().filter(held_at__isnull=False)


def find_quarantined(name: str) -> ImportBatch | None:
    """By the row's id, or by the beginning of the file's checksum (8 characters at least) where it fits one alone."""
    try:
        return quarantined().filter(pk=UUID(name)).first()
    except ValueError:
        found = list(quarantined().filter(checksum__startswith=name.lower())[:2]) if len(name) >= 8 else []
        return found[0] if len(found) == 1 else None


def describe_quarantined(row: ImportBatch) -> dict[str, Any]:
    """The row for people and programs: file, code, what it means and what to do."""
    code = row.code or ""
    told = describe(code)
    return {
        "id": str(row.pk),
        "file": row.filename,
        "stream": row.batch_type or None,
        "batch_id": str(row.source_batch_id) if row.source_batch_id else None,
        "checksum": row.checksum or None,
        "file_size_bytes": row.file_size_bytes,
        "code": code,
        "detail": row.error_message,
        "meaning": told.meaning,
        "cure": told.cure,
        "held": row.held_at is not None,
        "path": row.file_path,
        "met_count": row.met_count,
        "created_at": to_wire(row.created_at),
    }
