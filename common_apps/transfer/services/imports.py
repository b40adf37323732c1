"""Taking in what has come: named files, or whatever lies in IMPORT_DIR."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import structlog

from common_apps.audit.actors import Actor
from common_apps.core import clock
from common_apps.core.errors import DomainError
from common_apps.core.outages import OUTAGES
from common_apps.transfer.bundle.errors import BundleError, Code
from common_apps.transfer.bundle.limits import Limits
from common_apps.transfer.bundle.names import parse_name, sidecar_name
from common_apps.transfer.bundle.streams import STREAMS
from common_apps.transfer.choices import UNREAD, WAITING, ImportStatus
from common_apps.transfer.errors import TransferBusyError, TransferNotReadyError
from common_apps.transfer.folders import Folders, move_durably, site_folders
from common_apps.transfer.keys import KeyFolderError
from common_apps.transfer.limits import site_limits
from common_apps.transfer.locks import hold
from common_apps.transfer.models import ImportBatch
from common_apps.transfer.services.days import count_day
from common_apps.transfer.services.intake import Intake, take_in
from common_apps.transfer.services.leftovers import remove_left_sidecars, settle_copies
from common_apps.transfer.services.looking import Found, is_folder, look_into, pages, settle_bare
from common_apps.transfer.services.met import INTERNAL_ERROR, Candidate, ImportOutcome, Met
from common_apps.transfer.services.peer import site_keys
from common_apps.transfer.services.quarantine import tidy_quarantine
from common_apps.transfer.services.settling import quarantine

log = structlog.get_logger("transfer.import")

# Profile types and users first: who asks, and what they may, is known when their requests come.
_ORDER = ("profile_types", "users", "settings", "catalogue", "holdings")
_RANK = {stream: place for place, stream in enumerate([*_ORDER, *(each for each in STREAMS if each not in _ORDER)])}


def import_path(*, path: Path, actor: Actor, limits: Limits | None = None) -> ImportOutcome:
    """Judges the file at ``path`` at once; it needs no sidecar, and stays where it lies. Raises as ``scan_imports``."""
    folders = _ready()
    if not os.path.lexists(path):
        raise DomainError("not_found", f"There is no file {path}.")
    outcome = _take_one(
        # Absolute: a file that waits is looked for again by processes that run elsewhere.
        Candidate(path=path.absolute(), explicit=True, patient=False),
        _intake(folders, actor, limits or site_limits()),
    )
    if outcome is None:
        raise DomainError("not_found", f"{path} has vanished meanwhile.")
    return outcome


def scan_imports(*, actor: Actor, limits: Limits | None = None, patient: bool = True) -> list[ImportOutcome]:
    """Judges whatever lies in IMPORT_DIR and its stream folders: profile types and users first, then by time.

    ``patient``: a file unlike its sidecar may still be copied, so it waits. A file that is refused doesn't keep the
    next from being imported. Raises TransferNotReadyError (folders, keys), TransferStuckError where another importer
    hangs, OperationalError when the database is down: nothing more is settled then.
    """
    folders = _ready()
    folders.require_imports()
    intake = _intake(folders, actor, limits or site_limits())
    found = Found()
    outcomes: list[ImportOutcome] = []
    for folder, stream in _folders(folders.imports):
        try:
            look_into(folder, stream, found)
        except OSError as error:
            outcomes.append(_postpone(folder.name, error))
    left = remove_left_sidecars(found.alone)
    for path in found.alone:
        if path not in left:
            found.ignore(path.name)
    outcomes += found.outcomes()
    _settle_dead_importer(folders)
    _forget_vanished()
    tidy_quarantine(folders=folders)
    for stream, name in sorted(found.ready, key=lambda each: import_order(each[1])):
        outcomes += _take_any([_candidate(folders, stream, name, patient)], intake)
    for page in pages(found.bare):
        candidates = [_candidate(folders, stream, name, patient) for stream, name in page]
        with hold(folders.import_lock(), what="the import"):
            settled, others = settle_bare(candidates, at=clock.now(), day=intake.day)
        outcomes += settled + _take_any(others, intake)
    return outcomes


def _candidate(folders: Folders, stream: str | None, name: str, patient: bool) -> Candidate:
    folder = folders.imports / stream if stream else folders.imports
    return Candidate(path=folder / name, folder=stream, patient=patient)


def _take_any(candidates: Sequence[Candidate], intake: Intake) -> list[ImportOutcome]:
    return [outcome for each in candidates if (outcome := _take_one(each, intake)) is not None]


def import_taken(*, path: Path, actor: Actor, limits: Limits | None = None) -> ImportOutcome:
    """Judges, at once, a private copy of a bundle that lay on a stick; its sidecar lies beside it. Both leave that
    folder: what waits goes to IMPORT_DIR. Raises as ``scan_imports``.
    """
    folders = _ready()
    candidate = Candidate(path=path, patient=False)
    outcome = _take_one(candidate, _intake(folders, actor, limits or site_limits()))
    if outcome is None:
        raise DomainError("not_found", f"{path} has vanished meanwhile.")
    if outcome.outcome in WAITING and outcome.stream:
        _keep_waiting(candidate, folders.imports / outcome.stream)
    return outcome


def refuse_unread(*, path: Path, error: BundleError, actor: Actor) -> ImportOutcome:
    """What can't be taken off a stick, because it is no plain file, is listed as quarantined where it lies."""
    folders = _ready()
    met = Met(candidate=Candidate(path=path), at=clock.now(), day=count_day())
    with hold(folders.import_lock(), what="the import"):
        return quarantine(met, error=error, folders=folders, actor=actor)


def import_order(name: str) -> tuple[int, str, str]:
    """Sorts file names: profile types and users first, then by time."""
    known = parse_name(name)
    return (_RANK[known.stream], known.stamp, str(known.batch_id)) if known else (len(_RANK), "", name)


def _keep_waiting(candidate: Candidate, folder: Path) -> None:
    """The row follows the file, or the next scan would take it for taken away."""
    target = folder / candidate.name
    # The data first: with its sidecar it counts as complete.
    for each in (candidate.name, sidecar_name(candidate.name)):
        move_durably(candidate.path.with_name(each), folder / each)
    moved = Candidate(path=target, folder=folder.name)
    ImportBatch.objects.filter(status__in=WAITING, file_path=candidate.place).update(file_path=moved.place)


def _take_one(candidate: Candidate, intake: Intake) -> ImportOutcome | None:
    try:
        with hold(intake.folders.import_lock(), what="the import"):
            settle_copies(intake.folders)
            return take_in(candidate, intake)
    except OUTAGES + (TransferNotReadyError, TransferBusyError):  # noqa: RUF005 - mypy knows the type of a sum
        raise
    except OSError as error:
        if candidate.explicit:
            raise
        return _postpone(candidate.name, error)
    except Exception as error:
        # A fault of our own settles nothing, and must not keep the next file from being imported.
        log.exception("import failed", file=candidate.name)
        return ImportOutcome(file=candidate.name, outcome="postponed", code=INTERNAL_ERROR, detail=type(error).__name__)


def _settle_dead_importer(folders: Folders) -> None:
    """For a scan that finds nothing: a named file may have been in the hands of the dead one."""
    if any(folders.incoming.iterdir()):
        try:
            with hold(folders.import_lock(), what="the import", wait=False):
                settle_copies(folders)
        except TransferBusyError:
            # Alive, or its next holder does it.
            return


def _ready() -> Folders:
    folders = site_folders()
    folders.make_private()
    try:
        if not site_keys().has_own_keys():
            raise TransferNotReadyError("This site has no keys: make them with: keys generate")
    except KeyFolderError as error:
        raise TransferNotReadyError(str(error)) from error
    return folders


def _intake(folders: Folders, actor: Actor, limits: Limits) -> Intake:
    return Intake(folders=folders, keys=site_keys(), limits=limits, actor=actor, day=count_day())


def _postpone(name: str, error: OSError) -> ImportOutcome:
    """No room, no permission, a bad sector: it may concern this file or folder alone, so the next is tried."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    log.warning("import postponed", file=name, error=str(error))
    return ImportOutcome(
        file=name,
        outcome="postponed",
        code=Code.DISK_FULL if full else INTERNAL_ERROR,
        detail=error.strerror or str(error),
    )


def _folders(root: Path) -> Iterator[tuple[Path, str | None]]:
    """IMPORT_DIR and, each with its stream's name, the stream folders in it."""
    yield root, None
    for stream in STREAMS:
        if is_folder(root / stream):
            yield root / stream, stream


def _forget_vanished() -> None:
    """What waited and was taken away again by somebody: of a file that was never read the row tells nothing any
    more.
    """
    for row in ImportBatch.objects.filter(status__in=WAITING).only("pk", "file_path", "status"):
        if os.path.lexists(row.file_path):
            continue
        here = ImportBatch.objects.filter(pk=row.pk, status=row.status)
        if row.status in UNREAD:
            here.delete()
        else:
            here.update(
                status=ImportStatus.DROPPED,
                processed_at=clock.now(),
                file_path="",
                error_message="the file was taken away while it waited",
            )
