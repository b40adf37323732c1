"""The order of trust for one file (docs/bundle-format.md): the first step that fails gives the code."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

import structlog
from django.conf import settings

from common_apps.audit.actors import Actor
from common_apps.core import clock
from common_apps.core.failpoints import failpoint
from common_apps.transfer.bundle.envelope import (
    Envelope,
    MeasuredFile,
    TrustedKey,
    check_envelope,
    check_signature,
    take_copy,
)
from common_apps.transfer.bundle.errors import BundleError, Code
from common_apps.transfer.bundle.header import Header
from common_apps.transfer.bundle.keypairs import BoxKey
from common_apps.transfer.bundle.limits import Limits
from common_apps.transfer.bundle.names import parse_name
from common_apps.transfer.bundle.reader import check_name, open_payload, read_header
from common_apps.transfer.bundle.records import Record
from common_apps.transfer.bundle.sidecar import check_sidecar
from common_apps.transfer.bundle.streams import HOLDINGS
from common_apps.transfer.choices import ImportStatus
from common_apps.transfer.errors import TransferNotReadyError, TransferStuckError
from common_apps.transfer.folders import Folders, move_durably, remove_quarantined
from common_apps.transfer.keys import KeyFolder, KeyFolderError
from common_apps.transfer.locks import hold
from common_apps.transfer.models import AppliedState
from common_apps.transfer.registry import log_receivers, sent_streams, state_receivers
from common_apps.transfer.services.applying import apply_bundle
from common_apps.transfer.services.export import settle_dead_exporter
from common_apps.transfer.services.hello import heed_hello
from common_apps.transfer.services.known import find_known, was_met
from common_apps.transfer.services.met import INTERNAL_ERROR, Candidate, ImportOutcome, Met, traces_of
from common_apps.transfer.services.settling import (
    count_duplicate,
    describe_import,
    drop,
    leave_imports,
    quarantine,
    wait,
)
from common_apps.transfer.services.versions import is_believable
from common_apps.transfer.services.waiting import first_look, is_settled, read_sidecar, wait_for_data

log = structlog.get_logger("transfer.import")

RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Intake:
    """What all files of one import share. ``keys`` are read anew for each file: an operator may trust one meanwhile.

    ``allow_mass_removal``: an operator releases a held users bundle, whomever it deactivates.
    """

    folders: Folders
    keys: KeyFolder
    limits: Limits
    actor: Actor
    day: int
    allow_mass_removal: bool = False


def take_in(candidate: Candidate, intake: Intake) -> ImportOutcome | None:
    """Judges one file and does with it what its verdict says; None when it has vanished meanwhile.

    The caller holds the import lock. Raises OperationalError when the database is down, TransferNotReadyError where
    keys can't be read, OSError where a folder can't: nothing is settled then, and the file is tried again.
    """
    met = Met(candidate=candidate, at=clock.now(), day=intake.day)
    if parse_name(candidate.name) is None:
        return describe_import(met, "ignored")
    measured = None
    try:
        met = replace(met, traces=traces_of(candidate.path))
        look = None if candidate.explicit else first_look(candidate.path, intake.limits)
        if look is not None and not look.has_sidecar:
            return wait(met, status=ImportStatus.WAITING_SIDECAR, actor=intake.actor)
        if look is not None and candidate.patient and not look.fits_size and not is_settled(met, look):
            return wait_for_data(met, look, actor=intake.actor)
        measured = take_copy(candidate.path, intake.folders.incoming, intake.limits)
        failpoint("import.copied")
        if look is not None and candidate.patient and not look.fits(measured) and not is_settled(met, look):
            return wait_for_data(met, look, actor=intake.actor)
        return _judge(replace(met, measured=measured), measured, intake)
    except FileNotFoundError:
        # Whatever else may be missing on this host must not pass for a file that somebody took away.
        if candidate.explicit or os.path.lexists(candidate.path):
            raise
        return None
    except BundleError as error:
        if error.code == Code.DISK_FULL:
            return describe_import(met, "postponed", error.code, error.detail)
        # Not copied, so there is nothing to put into the quarantine: it is listed, and stays where it lies.
        return quarantine(met, error=error, folders=intake.folders, actor=intake.actor)
    finally:
        if measured is not None:
            measured.path.unlink(missing_ok=True)


def _judge(met: Met, measured: MeasuredFile, intake: Intake) -> ImportOutcome:
    """Steps 2 to 9, on the private copy."""
    try:
        envelope = check_envelope(measured)
        signer = check_signature(envelope, *_believed(intake.keys))
        met = replace(met, signer=signer)
        if signer.own:
            return describe_import(met, "ignored", detail="a bundle of this site, come back")
        header = read_header(envelope, signer, settings.SITE)
    except BundleError as error:
        return quarantine(met, error=error, folders=intake.folders, actor=intake.actor)
    met = replace(met, header=header)
    if header.hello is not None:
        heed_hello(seq=header.seq, hello=header.hello, signer=signer.fingerprint, is_new=not was_met(header.batch_id))
    known = find_known(header.batch_id, intake.folders)
    again = met.candidate.again
    if known is not None and again is not None and known.pk == again.row_id:
        # Held, and released now: it is known as nothing else.
        known = None
    if known is not None and known.checksum == measured.checksum:
        if known.status == ImportStatus.COMPLETED:
            _archive(measured, intake.folders)
        return count_duplicate(met, known)
    try:
        if known is not None:
            log.error("batch id came with other bytes", batch_id=str(header.batch_id), known=str(known.id))
            raise BundleError(Code.BATCH_CONFLICT, f"batch {header.batch_id} was met before with other bytes")
        if not met.candidate.in_quarantine:
            check_name(met.candidate.name, header, met.candidate.folder)
            _check_beside(met, header, measured, intake.limits)
    except BundleError as error:
        return quarantine(met, error=error, folders=intake.folders, actor=intake.actor)
    return _read(met, header, envelope, intake)


def _read(met: Met, header: Header, envelope: Envelope, intake: Intake) -> ImportOutcome:
    """The rest of step 6 (old, newer schema, key), then everything that is inside."""
    if header.kind == "state":
        applied = AppliedState.objects.filter(stream=header.stream).values_list("seq", flat=True).first() or 0
        if header.seq <= applied:
            return drop(met, code=Code.ROLLED_BACK, detail=f"version {applied} is applied", actor=intake.actor)
        if not is_believable(header.seq, known=applied):
            error = BundleError(Code.BAD_HEADER, f"seq: no site comes to version {header.seq}")
            return quarantine(met, error=error, folders=intake.folders, actor=intake.actor)
    receives = header.stream in log_receivers or header.stream in state_receivers
    if header.schema > header.spec.schema or not receives:
        return wait(met, status=ImportStatus.WAITING_SCHEMA, actor=intake.actor)
    key = _find_box_key(intake.keys, header.box_key)
    if key is None:
        return wait(met, status=ImportStatus.WAITING_KEY, actor=intake.actor)
    if key.status == RETIRED:
        return drop(met, code=Code.UNKNOWN_KEY, detail=f"box key {key.version} is retired", actor=intake.actor)
    return _apply(met, header, envelope, key, intake)


def _apply(met: Met, header: Header, envelope: Envelope, key: BoxKey, intake: Intake) -> ImportOutcome:
    """Steps 7 to 9. Whoever heeds holdings takes the locks of all exporters."""
    with ExitStack() as locks:
        if header.stream == HOLDINGS:
            if not intake.folders.exports.is_dir():
                # Unmounted, all that lies there would count as lost, and travel again.
                return describe_import(met, "postponed", INTERNAL_ERROR, f"{intake.folders.exports} is not there")
            try:
                for stream in sorted(sent_streams()):
                    locks.enter_context(hold(intake.folders.export_lock(stream), what=f"the export of {stream}"))
                    settle_dead_exporter(stream=stream, actor=intake.actor)
            except TransferStuckError as error:
                # An exporter that hangs must not keep all that has come from being imported.
                return describe_import(met, "postponed", INTERNAL_ERROR, error.detail)
        try:
            payload = _read_all(envelope, header, key, intake.limits)
            failpoint("import.verified")
            outcome, wake = apply_bundle(
                met=met,
                header=header,
                payload=payload,
                folders=intake.folders,
                actor=intake.actor,
                allow_mass_removal=intake.allow_mass_removal,
            )
        except BundleError as error:
            if error.code == Code.MISSING_BASE:
                # Told as refused: the other site answers with a snapshot.
                return drop(met, code=error.code, detail=error.detail, actor=intake.actor)
            return quarantine(met, error=error, folders=intake.folders, actor=intake.actor, held=True)
        wake()
        failpoint("import.woken")
        _archive(envelope.file, intake.folders)
        failpoint("import.archived")
        leave_imports(met)
    return outcome


def _read_all(envelope: Envelope, header: Header, key: BoxKey, limits: Limits) -> Callable[[], Iterator[Record]]:
    """Step 7, and what gives its records, from the beginning each time. Raises BundleError.

    A log's are kept, so that nothing is decoded twice: 64 MiB at most. A state may be larger than the memory, and is
    read again.
    """
    records = open_payload(envelope, header, key, limits)
    if header.kind == "log":
        kept = list(records)
        return lambda: iter(kept)
    for _ in records:
        pass
    return lambda: open_payload(envelope, header, key, limits)


def _archive(measured: MeasuredFile, folders: Folders) -> None:
    """The copy of what is applied goes to the archive, unless an importer that died behind its commit got so far
    already.
    """
    target = folders.imported / measured.path.name
    try:
        # The same bytes may have been refused before, and released now. First: what a crash leaves is tidied by scans.
        remove_quarantined(folders.quarantine / target.name)
        if not target.exists():
            move_durably(measured.path, target)
    except OSError as error:
        # It is applied all the same; the archive is for people, and for a while.
        log.warning("applied bundle could not be archived", checksum=measured.checksum, error=str(error))


def _check_beside(met: Met, header: Header, measured: MeasuredFile, limits: Limits) -> None:
    sidecar = read_sidecar(met.candidate.path, limits)
    if sidecar is not None:
        check_sidecar(sidecar, header, size=measured.size, checksum=measured.checksum)
    elif not met.candidate.explicit:
        raise BundleError(Code.SIDECAR_MISMATCH, "the sidecar has gone since the first look")


def _believed(keys: KeyFolder) -> tuple[list[TrustedKey], list[TrustedKey]]:
    try:
        return keys.trusted_keys(), keys.own_trusted_keys()
    except KeyFolderError as error:
        raise TransferNotReadyError(str(error)) from error


def _find_box_key(keys: KeyFolder, box_key: str) -> BoxKey | None:
    try:
        return keys.find_box_key(box_key)
    except KeyFolderError as error:
        raise TransferNotReadyError(str(error)) from error
