"""What becomes of a file that is not applied: its row, its place, and the audit. Nothing leaves IMPORT_DIR before
its row is committed.
"""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import msgspec
import structlog
from django.db import connection, transaction
from django.db.models import F

from common_apps.audit.actors import Actor
from common_apps.audit.services import record
from common_apps.core.failpoints import failpoint
from common_apps.transfer.bundle.durability import replace_atomically, sync_directory
from common_apps.transfer.bundle.errors import BundleError, Code
from common_apps.transfer.bundle.names import sidecar_name
from common_apps.transfer.choices import UNREAD, ImportStatus
from common_apps.transfer.folders import Folders, quarantine_reason, remove_quarantined
from common_apps.transfer.models import AppliedState, ImportBatch
from common_apps.transfer.services.alarms import tell_no_longer_held, tell_quarantined
from common_apps.transfer.services.met import ImportOutcome, Met, Settlement, Traces, printable, traces_of

log = structlog.get_logger("transfer.import")

PATIENCE_DAYS = 30
# By its bytes, where they are known; else by its place, of which a row tells that was never read (of a file that can't
# be read: any). A constant statement, since nearly always there is none.
_EARLIER = """
    SELECT id FROM (
        SELECT id, 1 AS rank, created_at FROM import_batches
        WHERE checksum = %(checksum)s AND checksum <> '' AND status <> 'completed'
          AND held_at IS NULL AND discarded_at IS NULL
        UNION ALL
        SELECT id, 2, created_at FROM import_batches
        WHERE file_path = %(place)s AND status <> 'completed' AND held_at IS NULL AND discarded_at IS NULL
          AND (%(any)s OR status = ANY(%(unread)s))
    ) AS found ORDER BY rank, created_at DESC LIMIT 1
"""


def write_row(
    met: Met,
    *,
    status: ImportStatus,
    code: str | None = None,
    detail: str = "",
    file_path: str = "",
    held: bool = False,
) -> tuple[ImportBatch, bool]:
    """The file's row in its new state: the one of an earlier meeting, unless that is remembered for ever, or a new
    one. And whether that is news: a file that can't leave IMPORT_DIR is met, with the same end, by every scan.
    """
    row = _earlier_row(met) or ImportBatch(created_at=met.at, first_day=met.day, met_count=0)
    is_news = row._state.adding or (row.status, row.code) != (status, code)
    if not (status.waits and ImportStatus(row.status).waits):
        row.first_day = met.day
    was_held = row.held_at is not None
    row.filename = met.candidate.name
    row.file_path = file_path
    row.status = status
    row.code = code
    row.error_message = detail
    row.held_at = (row.held_at or met.at) if held else None
    row.metadata.pop("discarded", None)
    row.met_count += 1
    row.last_met_at = met.at
    row.last_met_day = met.day
    row.processed_at = None if status.waits or status == ImportStatus.PROCESSING else met.at
    if met.measured is not None:
        row.checksum = met.measured.checksum
        row.file_size_bytes = met.measured.size
    if met.signer is not None:
        row.signer = met.signer.fingerprint
    if met.header is not None:
        row.source_batch_id = met.header.batch_id
        row.batch_type = met.header.stream
        row.mode = met.header.mode
        row.seq = met.header.seq
        row.digest = met.header.digest
        row.schema = met.header.schema
        row.sent_at = met.header.created_at
        row.record_count = met.header.record_count
    row.save()
    if was_held and row.held_at is None:
        tell_no_longer_held(row.source_batch_id)
        # Else nobody would carry it again, and nobody could release it.
        forget_refused(row.source_batch_id)
    return row, is_news


def describe_import(met: Met, outcome: Settlement, code: str | None = None, detail: str = "") -> ImportOutcome:
    """The file as a row of the command's table."""
    header = met.header
    return ImportOutcome(
        file=printable(met.candidate.name),
        outcome=outcome,
        code=code,
        stream=header.stream if header else "",
        batch_id=header.batch_id if header else None,
        record_count=header.record_count if header else 0,
        detail=detail,
    )


def wait(met: Met, *, status: ImportStatus, actor: Actor) -> ImportOutcome:
    """The file can't be read yet and stays where it lies; after 30 days it is dropped. What an operator releases is
    dropped at once: as long as it is held, its sender doesn't write anew what nobody here can read.
    """
    if met.candidate.released:
        return drop(met, code=status, detail="it can't be read here any more, and comes again", actor=actor)
    if met.candidate.in_quarantine:
        # No scan would ever look at it there: it stays what it is, until an operator tries again.
        return describe_import(met, status.value, status.value)  # type: ignore[arg-type]  # as below
    with transaction.atomic():
        row, _ = write_row(met, status=status, code=status, file_path=met.candidate.place)
    if met.day - row.first_day >= PATIENCE_DAYS:
        return drop(met, code=status, detail=f"it waited for {PATIENCE_DAYS} days", actor=actor)
    return describe_import(met, status.value, status.value)  # type: ignore[arg-type]  # a waiting status is a settlement


def drop(met: Met, *, code: str, detail: str, actor: Actor) -> ImportOutcome:
    """The file is of no use: it goes, without alarm, and is judged anew should it come again.

    A delta that finds no base is told as refused: only so does the other site know that it has to send a snapshot.
    """
    # What was named as an explicit PATH is still there, and can be judged anew.
    place = met.candidate.place if met.candidate.explicit and not met.candidate.in_quarantine else ""
    with transaction.atomic():
        row, is_news = write_row(met, status=ImportStatus.DROPPED, code=code, detail=detail, file_path=place)
        if code == Code.MISSING_BASE:
            _tell_refused(met, code)
        if is_news:
            _audit("bundle.dropped", row, actor)
    leave_imports(met)
    return describe_import(met, "dropped", code, detail)


def count_duplicate(met: Met, known: ImportBatch) -> ImportOutcome:
    """Its id and bytes again: no effect but a counter and a time on its row."""
    ImportBatch.objects.filter(pk=known.pk).update(
        met_count=F("met_count") + 1, last_met_at=met.at, last_met_day=met.day
    )
    leave_imports(met)
    return describe_import(met, "duplicate", "duplicate")


def quarantine(met: Met, *, error: BundleError, folders: Folders, actor: Actor, held: bool = False) -> ImportOutcome:
    """The private copy goes to the quarantine with its reason, the file from IMPORT_DIR.

    ``held``: what is wrong stands in the signed bytes, so the bundle is remembered, and the other site is told. What an
    operator tried to release stays held, whatever is found now.
    """
    held = held or met.candidate.released
    place = met.candidate.place
    if met.measured is not None:
        target = folders.quarantine / f"{met.measured.checksum}.enc"
        met.measured.path.replace(target)
        failpoint("import.quarantining")
        reason = {"code": error.code, "detail": error.detail, "at": met.at, "file": met.candidate.name}
        replace_atomically(quarantine_reason(target), msgspec.json.encode(reason) + b"\n", 0o600)
        sync_directory(folders.quarantine)
        place = str(target)
        failpoint("import.quarantined")
    with transaction.atomic():
        row, is_news = write_row(
            met, status=ImportStatus.FAILED, code=error.code, detail=error.detail, file_path=place, held=held
        )
        if held:
            _tell_refused(met, error.code)
        if is_news:
            _audit("bundle.quarantined", row, actor)
            tell_quarantined(row)
    if is_news:
        log.warning("bundle quarantined", file=met.candidate.name, code=error.code, detail=error.detail, held=held)
    if met.measured is not None and not met.candidate.in_quarantine:
        leave_imports(met)
    return describe_import(met, "quarantined", error.code, error.detail)


def leave_imports(met: Met) -> None:
    """What is settled leaves IMPORT_DIR, or the quarantine; what was named as an explicit PATH stays, and so does what
    has been put in the file's place meanwhile: the next scan judges it.

    A folder that can't be written (a read-only stick) is no reason to fail: the file is a duplicate at the next look.
    """
    candidate = met.candidate
    if candidate.in_quarantine:
        remove_quarantined(candidate.path)
        return
    if candidate.explicit:
        return
    if met.traces is not None and not _is_still_there(candidate.path, met.traces):
        return
    # The data first: alone it would wait for its sidecar, alone a sidecar is only ignored.
    for path in (candidate.path, candidate.path.with_name(sidecar_name(candidate.name))):
        try:
            path.unlink(missing_ok=True)
            failpoint("import.leaving")
        except OSError as error:
            log.warning("file can't leave IMPORT_DIR", file=path.name, error=str(error))


def _is_still_there(path: Path, traces: Traces) -> bool:
    try:
        is_same = traces_of(path) == traces
    except OSError:
        # Gone, maybe: then its sidecar goes, too.
        return True
    if not is_same:
        log.warning("another file lies in its place by now", file=path.name)
    return is_same


def _earlier_row(met: Met) -> ImportBatch | None:
    if met.candidate.again is not None:
        return ImportBatch.objects.get(pk=met.candidate.again.row_id)
    with connection.cursor() as cursor:
        cursor.execute(
            _EARLIER,
            {
                "checksum": met.measured.checksum if met.measured else "",
                "place": met.candidate.place,
                "unread": list(UNREAD),
                "any": met.measured is None and not met.candidate.explicit,
            },
        )
        found = cursor.fetchone()
    return None if found is None else ImportBatch.objects.get(pk=found[0])


def forget_refused(batch_id: UUID | None) -> None:
    """A state bundle that isn't held any more is not told as refused."""
    AppliedState.objects.filter(refused_batch_id=batch_id, refused_batch_id__isnull=False).update(
        refused_seq=None, refused_batch_id=None, refused_code=""
    )


def _tell_refused(met: Met, code: str) -> None:
    """A state bundle that is not taken is told as refused, where nothing newer was applied or refused; one that an
    operator tried to release with what is wrong with it now.
    """
    header = met.header
    if header is None or header.kind != "state":
        return
    state, _ = AppliedState.objects.get_or_create(stream=header.stream)
    if header.seq > max(state.seq, state.refused_seq or 0) or header.batch_id == state.refused_batch_id:
        state.refused_seq = header.seq
        state.refused_batch_id = header.batch_id
        state.refused_code = code
        state.save()


def _audit(action: str, row: ImportBatch, actor: Actor) -> None:
    record(
        action=action,
        actor=actor,
        resource_type="import_batch",
        resource_id=str(row.id),
        metadata={"file": row.filename, "stream": row.batch_type, "code": row.code, "checksum": row.checksum},
    )
