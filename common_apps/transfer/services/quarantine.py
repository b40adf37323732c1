"""What an operator does with what lies in quarantine: release it, discard it, or have it judged anew."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import structlog
from django.db import transaction

from common_apps.audit.actors import Actor
from common_apps.audit.services import record
from common_apps.core import clock
from common_apps.core.errors import DomainError, FieldFault
from common_apps.core.failpoints import failpoint
from common_apps.core.outages import OUTAGES
from common_apps.transfer.bundle.envelope import measure
from common_apps.transfer.bundle.errors import BundleError
from common_apps.transfer.bundle.limits import Limits
from common_apps.transfer.bundle.streams import STREAMS
from common_apps.transfer.choices import WAITING, ImportStatus
from common_apps.transfer.errors import TransferNotReadyError
from common_apps.transfer.folders import Folders, remove_bundle, remove_quarantined, site_folders
from common_apps.transfer.limits import site_limits
from common_apps.transfer.locks import hold
from common_apps.transfer.models import ImportBatch
from common_apps.transfer.selectors import quarantined
from common_apps.transfer.services.alarms import tell_no_longer_held
from common_apps.transfer.services.days import count_day
from common_apps.transfer.services.intake import Intake, take_in
from common_apps.transfer.services.known import forget_lost
from common_apps.transfer.services.met import INTERNAL_ERROR, Again, Candidate, ImportOutcome
from common_apps.transfer.services.peer import site_keys

log = structlog.get_logger("transfer.quarantine")

MOST_REASON = 500
_DUPLICATE = "duplicate"


def release_held(*, row_id: UUID, actor: Actor, limits: Limits | None = None) -> ImportOutcome:
    """Checks a held bundle again, from its quarantined bytes, and applies it if nothing is wrong with it; a
    mass_removal is applied all the same. Else it stays held, with what is wrong with it now, or is dropped: it is old,
    or nothing here can read it any more (no key, a newer schema), and the other site writes its records anew.

    Raises DomainError not_found, conflict where it isn't held or its bytes are lost (then it is forgotten, and comes
    again); TransferNotReadyError; OperationalError when the database is down.
    """
    with _lock() as folders:
        row = _find(row_id)
        check_release(row)
        path = _sound_file(row, folders)
        again = Again(row_id=row.pk, filename=row.filename, quarantined=True, released=True)
        return _judge(row, Candidate(path=path, explicit=True, patient=False, again=again), folders, actor, limits)


def import_again(*, row_id: UUID, actor: Actor, limits: Limits | None = None) -> ImportOutcome:
    """Judges a file anew that was refused and isn't held, that waits, or that was dropped and is still there: a key may
    be trusted, a limit raised, this site upgraded since.

    From the quarantine by its bytes alone: its name there is ours. Raises as ``release_held``.
    """
    with _lock() as folders:
        row = _find(row_id)
        check_import_again(row)
        return _judge(row, _candidate(row, folders), folders, actor, limits)


def discard(*, row_id: UUID, actor: Actor, reason: str) -> None:
    """Gives up what lies in quarantine; its bytes go.

    A held bundle is remembered for ever and told as discarded: of a log its sender ends it, a state stays refused. What
    was never held is neither remembered nor told, so the same bytes are judged anew should they come again.

    ``reason``: 1 to 500 characters, for the audit. Raises DomainError not_found, conflict, validation_failed;
    TransferNotReadyError.
    """
    reason = reason.strip()
    if not 1 <= len(reason) <= MOST_REASON:
        fault = FieldFault("/reason", "invalid", f"Say why, in 1 to {MOST_REASON} characters.")
        raise DomainError("validation_failed", fault.detail, errors=[fault])
    with _lock() as folders:
        row = _find(row_id)
        check_discard(row)
        if row.held_at is not None:
            _mark_discarded(row, actor, reason)
            failpoint("quarantine.discarded")
            remove_quarantined(folders.quarantine / f"{row.checksum}.enc")
        else:
            # The other way round: of a row that is left nothing follows, and whoever sees it discards it again.
            _remove_refused(row, folders)
            failpoint("quarantine.discarding")
            _mark_discarded(row, actor, reason)


def check_release(row: ImportBatch) -> None:
    """Raises DomainError conflict where the row's bundle can't be released."""
    if not _is_quarantined(row):
        raise DomainError("conflict", f"{row} does not lie in quarantine.")
    if row.held_at is None:
        raise DomainError(
            "conflict", f"{row} is not held: {row.code} can't be released. Import it again, or discard it."
        )


def check_import_again(row: ImportBatch) -> None:
    """Raises DomainError conflict where the row's file can't be judged anew."""
    if row.held_at is not None and _is_quarantined(row):
        raise DomainError("conflict", f"{row} is held: release it, or discard it.")
    if not _is_quarantined(row) and row.status not in (*WAITING, ImportStatus.DROPPED):
        raise DomainError("conflict", f"{row} is settled: {row.status}.")
    if not row.file_path:
        raise DomainError("conflict", f"The file of {row} is gone; what the other site still has to send comes again.")


def check_discard(row: ImportBatch) -> None:
    """Raises DomainError conflict where there is nothing to discard."""
    if not _is_quarantined(row):
        raise DomainError("conflict", f"{row} does not lie in quarantine.")


def tidy_quarantine(*, folders: Folders | None = None) -> int:
    """Removes what a process that died left in the quarantine, where no row speaks of it any more; how many files."""
    folders = folders or site_folders()
    if not _leftovers(folders):
        return 0
    with hold(folders.import_lock(), what="the import"):
        # Looked at again: an importer lays the bytes there before their row is written.
        return _tidy(folders)


@contextmanager
def _lock() -> Iterator[Folders]:
    folders = site_folders()
    folders.make_private()
    with hold(folders.import_lock(), what="the import"):
        _tidy(folders)
        yield folders


def _tidy(folders: Folders) -> int:
    leftovers = _leftovers(folders)
    for path in leftovers:
        path.unlink(missing_ok=True)
    return len(leftovers)


def _leftovers(folders: Folders) -> list[Path]:
    try:
        lying = {entry.name: Path(entry.path) for entry in os.scandir(folders.quarantine)}
    except FileNotFoundError:
        return []
    if not lying:
        return []
    known = set(quarantined().exclude(checksum="").values_list("checksum", flat=True))
    return [path for name, path in lying.items() if name.partition(".")[0] not in known]


def _find(row_id: UUID) -> ImportBatch:
    row = ImportBatch.objects.filter(pk=row_id).first()
    if row is None:
        raise DomainError("not_found", f"There is no import batch {row_id}.")
    return row


def _is_quarantined(row: ImportBatch) -> bool:
    return row.status == ImportStatus.FAILED and row.discarded_at is None


def _sound_file(row: ImportBatch, folders: Folders) -> Path:
    """The held bundle's bytes. Those that the disk has lost are no bundle any more: it is forgotten."""
    path = folders.quarantine / f"{row.checksum}.enc"
    try:
        if measure(path).checksum == row.checksum:
            return path
    except (BundleError, FileNotFoundError):
        pass
    remove_quarantined(path)
    forget_lost(row, folders)
    raise DomainError("conflict", f"The file of {row} is lost or damaged here. It is forgotten, and comes again.")


def _candidate(row: ImportBatch, folders: Folders) -> Candidate:
    path = Path(row.file_path)
    if not os.path.lexists(path):
        raise DomainError("conflict", f"{row.file_path} is not there any more; what has to come comes again.")
    in_quarantine = path.parent == folders.quarantine
    stream = path.parent.name if path.parent.parent == folders.imports and path.parent.name in STREAMS else None
    return Candidate(
        path=path,
        folder=stream,
        explicit=not _is_ours(path, folders) or in_quarantine,
        patient=False,
        again=Again(row_id=row.pk, filename=row.filename, quarantined=in_quarantine),
    )


def _judge(
    row: ImportBatch, candidate: Candidate, folders: Folders, actor: Actor, limits: Limits | None
) -> ImportOutcome:
    intake = Intake(
        folders=folders,
        keys=site_keys(),
        limits=limits or site_limits(),
        actor=actor,
        day=count_day(),
        allow_mass_removal=candidate.released,
    )
    try:
        outcome = take_in(candidate, intake)
    except OUTAGES + (TransferNotReadyError, OSError):  # noqa: RUF005 - mypy knows the type of a sum
        raise
    except Exception as error:
        log.exception("a file could not be judged anew", file=candidate.name)
        return ImportOutcome(file=candidate.name, outcome="postponed", code=INTERNAL_ERROR, detail=type(error).__name__)
    if outcome is None:
        raise DomainError("not_found", f"{candidate.path} has vanished meanwhile.")
    if outcome.outcome == _DUPLICATE:
        # The bundle has its own row; this one spoke of a file that is gone now.
        ImportBatch.objects.filter(pk=row.pk, status=ImportStatus.FAILED).update(
            status=ImportStatus.DROPPED, code=_DUPLICATE, file_path=""
        )
    if outcome.outcome != "completed":
        _audit("bundle.judged_again", row, actor, outcome=outcome.outcome, now=outcome.code)
    return outcome


def _remove_refused(row: ImportBatch, folders: Folders) -> None:
    """What was never read lies where it was met: it goes from our own folders, from a stick it doesn't."""
    path = Path(row.file_path)
    if not row.file_path:
        return
    if path.parent == folders.quarantine:
        remove_quarantined(path)
    elif _is_ours(path, folders):
        try:
            remove_bundle(path)
        except (IsADirectoryError, PermissionError) as error:
            raise DomainError("conflict", f"{path} can't be removed here ({error.strerror}): take it away.") from error


def _is_ours(path: Path, folders: Folders) -> bool:
    return any(root in (path.parent, path.parent.parent) for root in (folders.imports, folders.taken, folders.data))


def _mark_discarded(row: ImportBatch, actor: Actor, reason: str) -> None:
    now = clock.now()
    with transaction.atomic():
        row.file_path = ""
        row.metadata = row.metadata | {"discarded": reason}
        if row.held_at is not None:
            row.discarded_at = now
            # Told for as long as an applied one, from today.
            row.last_met_at, row.last_met_day = now, count_day()
            tell_no_longer_held(row.source_batch_id)
        else:
            row.status = ImportStatus.DROPPED
            row.processed_at = now
        row.save()
        _audit("bundle.discarded", row, actor, reason=reason, held=row.held_at is not None)


def _audit(action: str, row: ImportBatch, actor: Actor, **facts: object) -> None:
    told = {"file": row.filename, "stream": row.batch_type, "code": row.code, "checksum": row.checksum}
    record(action=action, actor=actor, resource_type="import_batch", resource_id=str(row.pk), metadata=told | facts)
