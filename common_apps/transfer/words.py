"""One word for people for what a bundle is at, on its way out and in."""

from __future__ import annotations

from common_apps.transfer.choices import STATE_MODES, ExportStatus, ImportStatus
from common_apps.transfer.models import ExportBatch, ImportBatch

_EXPORTS = {
    ExportStatus.PENDING: "being written",
    ExportStatus.PROCESSING: "being written",
    ExportStatus.FAILED: "failed",
}
_IMPORTS = {
    ImportStatus.PENDING: "being read",
    ImportStatus.PROCESSING: "being read",
    ImportStatus.DUPLICATE: "duplicate",
    ImportStatus.DROPPED: "dropped",
    ImportStatus.WAITING_SIDECAR: "waits for its sidecar",
    ImportStatus.WAITING_DATA: "being copied",
    ImportStatus.WAITING_KEY: "waits for a key",
    ImportStatus.WAITING_SCHEMA: "waits for an upgrade",
}


def export_word(batch: ExportBatch) -> str:
    """Of a bundle that this site wrote."""
    if batch.status != ExportStatus.COMPLETED:
        return _EXPORTS[ExportStatus(batch.status)]
    if batch.superseded_at:
        return "replaced"
    if batch.ended_at:
        return "discarded there"
    if batch.held_at:
        return "refused there" if batch.mode in STATE_MODES else "held there"
    if batch.confirmed_at:
        return "applied there"
    return "on its way" if batch.carried_at else "waits to be carried"


def import_word(batch: ImportBatch) -> str:
    """Of a bundle that this site met."""
    if batch.status == ImportStatus.COMPLETED:
        return "applied, but for conflicts" if batch.code else "applied"
    if batch.status == ImportStatus.FAILED:
        if batch.discarded_at:
            return "discarded"
        return "held" if batch.held_at else "refused"
    if batch.status == ImportStatus.DROPPED and "discarded" in batch.metadata:
        return "discarded"
    return _IMPORTS[ImportStatus(batch.status)]
