"""The courier's one command: take what has come, import it, wait for answers, write what has to go."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction

from common_apps.audit.actors import Actor
from common_apps.audit.services import record
from common_apps.core import clock
from common_apps.core.failpoints import failpoint
from common_apps.core.outages import OUTAGES
from common_apps.transfer.bundle.errors import BundleError
from common_apps.transfer.bundle.limits import Limits
from common_apps.transfer.bundle.streams import HOLDINGS
from common_apps.transfer.errors import TransferBusyError, TransferNotReadyError
from common_apps.transfer.folders import Folders, site_folders
from common_apps.transfer.keys import KeyFolderError
from common_apps.transfer.limits import site_limits
from common_apps.transfer.locks import hold
from common_apps.transfer.media.errors import StickCode, StickError, name_failure
from common_apps.transfer.media.layout import list_site
from common_apps.transfer.media.ownership import is_foreign
from common_apps.transfer.media.stick import Stick, open_stick
from common_apps.transfer.models import ExportBatch
from common_apps.transfer.registry import sent_streams, unanswered_counts
from common_apps.transfer.selectors import bundles_to_carry
from common_apps.transfer.services.carries import begin_carry, end_carry, fail_carry
from common_apps.transfer.services.export import Apart, export_stream
from common_apps.transfer.services.media_put import Trips, Writer, look_at_own, plan_trips
from common_apps.transfer.services.media_report import Progress, SyncReport, silent
from common_apps.transfer.services.media_status import media_roots, media_status, media_statuses
from common_apps.transfer.services.media_take import take_what_came
from common_apps.transfer.services.media_tidy import tidy_own
from common_apps.transfer.services.peer import site_keys

__all__ = ["media_status", "media_statuses", "sync_media"]

log = structlog.get_logger("transfer.media")

_EVERY_S = 0.25


def sync_media(
    *,
    path: Path | None,
    actor: Actor,
    wait_s: float = 0,
    progress: Progress | None = None,
    limits: Limits | None = None,
    ours: bool = False,
) -> SyncReport:
    """One carry at this site, with the stick at ``path`` (None: the only one below MEDIA_ROOTS).

    ``wait_s``: how long to wait, at most, until nothing that came waits for an answer. ``ours``: the stick is used
    even when nothing on it was written by these two sites. Must not be called inside a transaction. What keeps the
    stick from being used at all raises StickError; what ends a carry that has begun is the report's ``fault``. Raises
    TransferNotReadyError (folders, keys), TransferBusyError when somebody else is at it, and whatever the database
    raises: the next carry repairs what was left half done.
    """
    began = time.monotonic()
    folders = site_folders()
    folders.require_exports()
    folders.require_imports()
    folders.make_private()
    with hold(folders.media_lock(), what="a carry", wait=False):
        carry = begin_carry(path=path, actor=actor)
        try:
            report = _sync(path, ours, _Run(folders, actor, wait_s, progress or silent, limits or site_limits()))
        except Exception as error:
            # The page has nothing else to show; a database that is down shows it by itself.
            if not isinstance(error, OUTAGES):
                fail_carry(carry=carry, error=error)
            raise
        report.seconds = time.monotonic() - began
        end_carry(carry=carry, report=report)
    return report


@dataclass(frozen=True, slots=True)
class _Run:
    folders: Folders
    actor: Actor
    wait_s: float
    progress: Progress
    limits: Limits


def _sync(path: Path | None, ours: bool, run: _Run) -> SyncReport:
    with _usable_stick(path, ours) as stick:
        report = SyncReport(stick=str(stick.path))
        try:
            _carry(stick, run, report)
        except StickError as error:
            log.warning("carry ended early", code=error.code, detail=error.detail)
            report.fault = error
    return report


def _carry(stick: Stick, run: _Run, report: SyncReport) -> None:
    take_what_came(
        stick=stick, folders=run.folders, actor=run.actor, limits=run.limits, report=report, progress=run.progress
    )
    _wait_for_answers(run.wait_s, report, run.progress)
    apart = Apart()
    for stream in sent_streams():
        if stream != HOLDINGS:
            with apart.keep(stream):
                export_stream(stream=stream, actor=run.actor, limits=run.limits)
    before = bundles_to_carry()
    own = look_at_own(stick=stick, to_go=before, progress=run.progress)
    report.repaired += own.repaired
    trips = Trips(own.trips)
    report.trip = trips.first
    planned = plan_trips(stick=stick, own=own, trips=trips, to_go=before)
    _note_trips({batch.id: planned[batch.id] for batch in before if batch.id in planned})
    try:
        # Last, and at every carry: they tell what was just imported, and in which trip the others lie.
        export_stream(stream=HOLDINGS, actor=run.actor, full=True, limits=run.limits)
        failpoint("carry.exported")
        to_go = bundles_to_carry()
        Writer(stick, run.folders, own, trips, planned, report, run.progress).write(to_go)
        report.removed = tidy_own(stick=stick, to_go=to_go, safe=own.there)
        _flush(stick)
        failpoint("carry.tidied")
    except StickError:
        # What did not get there is in the trip in which it was before.
        _note_trips({batch.id: batch.trip for batch in before if batch.filename not in own.there})
        raise
    _record(report, before, run.actor)
    failpoint("carry.recorded")
    if any(each.stream == HOLDINGS and each.fate == "left" for each in report.carried):
        raise StickError(StickCode.FULL, "The stick is full: not even the holdings fit.")
    report.safe_to_remove = True
    try:
        apart.raise_first()
    except (OSError, BundleError, TransferBusyError) as error:
        report.not_exported.append(str(error))


def _flush(stick: Stick) -> None:
    try:
        stick.flush()
    except OSError as error:
        raise name_failure(error, "the last bytes") from error


def _note_trips(trips: Mapping[UUID, str | None]) -> None:
    """Before the holdings are written: they name the trip of each bundle that is on its way."""
    by_trip: dict[str | None, list[UUID]] = {}
    for batch_id, trip in trips.items():
        by_trip.setdefault(trip, []).append(batch_id)
    for trip, ids in by_trip.items():
        ExportBatch.objects.filter(pk__in=ids).update(trip=trip)


def _record(report: SyncReport, before: Sequence[ExportBatch], actor: Actor) -> None:
    """What is on the stick now; what found no room after all is in the trip in which it was before."""
    safe = {each.batch_id: each.trip for each in report.carried if each.trip is not None}
    stays = {each.batch_id for each in report.carried if each.stays}
    with transaction.atomic():
        _note_trips(safe)
        _note_trips({batch.id: batch.trip for batch in before if batch.id in stays})
        ExportBatch.objects.filter(pk__in=safe).update(carried_at=clock.now())
        record(
            action="media.synced",
            actor=actor,
            resource_type="stick",
            resource_id=report.trip or "",
            metadata={
                "stick": report.stick,
                "taken": len(report.taken),
                "on_stick": len(safe),
                "left": len(stays),
                "removed": report.removed,
                "repaired": len(report.repaired),
            },
        )


@contextmanager
def _usable_stick(path: Path | None, ours: bool) -> Iterator[Stick]:
    """The stick, once it is known that it can be written and is the right one. Raises StickError."""
    with open_stick(media_roots(), path) as stick:
        try:
            if stick.room().read_only:
                raise StickError(StickCode.READ_ONLY, f"{stick.path} is mounted read-only.")
            if not stick.folder.is_writable():
                raise StickError(StickCode.NOT_WRITABLE, f"This site's account may not write to {stick.path}.")
            if not ours:
                _refuse_foreign(stick)
        except OSError as error:
            raise name_failure(error, str(stick.path)) from error
        yield stick


def _refuse_foreign(stick: Stick) -> None:
    keys = site_keys()
    try:
        known = [key.public for key in (*keys.trusted_keys(), *keys.own_trusted_keys())]
    except KeyFolderError as error:
        raise TransferNotReadyError(str(error)) from error
    listings = [(site, list_site(stick.folder, site)) for site in (settings.PEER, settings.SITE)]
    if is_foreign(stick.folder, listings, known):
        raise StickError(
            StickCode.WRONG_PEER, f"What lies on {stick.path} was written by other sites than this one and its peer."
        )


def _wait_for_answers(wait_s: float, report: SyncReport, progress: Progress) -> None:
    """Until nothing that came waits for an answer, or the time is up."""
    began = time.monotonic()
    most = 0
    while True:
        report.unanswered = sum(count() for count in unanswered_counts)
        report.waited_s = time.monotonic() - began
        most = max(most, report.unanswered)
        if report.unanswered == 0 or report.waited_s >= wait_s:
            return
        progress("wait", most - report.unanswered, most)
        time.sleep(min(_EVERY_S, wait_s))
