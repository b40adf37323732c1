"""The courier's one command: take what has come, import it, wait for answers, write what has to go."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction

from common_apps.audit.actors import Actor
from common_apps.audit.services import record
from common_apps.core import clock
from common_apps.core.failpoints import failpoint
from common_apps.transfer.bundle.errors import BundleError
from common_apps.transfer.bundle.limits import Limits
from common_apps.transfer.bundle.streams import HOLDINGS
from common_apps.transfer.choices import BundleMode
from common_apps.transfer.errors import TransferNotReadyError
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
from common_apps.transfer.services.export import Apart, export_stream
from common_apps.transfer.services.media_put import Trips, Writer, look_at_own, plan_trips
from common_apps.transfer.services.media_report import Progress, SyncReport, silent
from common_apps.transfer.services.media_take import take_what_came
from common_apps.transfer.services.media_tidy import tidy_own
from common_apps.transfer.services.peer import site_keys

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
    watch = progress or silent
    with hold(folders.media_lock(), what="a carry", wait=False), _usable_stick(path, ours) as stick:
        report = SyncReport(stick=str(stick.path))
        try:
            _carry(stick, folders, actor, wait_s, watch, limits or site_limits(), report)
        except StickError as error:
            log.warning("carry ended early", code=error.code, detail=error.detail)
            report.fault = error
        report.seconds = time.monotonic() - began
    return report


def _carry(
    stick: Stick,
    folders: Folders,
    actor: Actor,
    wait_s: float,
    progress: Progress,
    limits: Limits,
    report: SyncReport,
) -> None:
    take_what_came(stick=stick, folders=folders, actor=actor, limits=limits, report=report, progress=progress)
    _wait_for_answers(wait_s, report, progress)
    apart = Apart()
    for stream in sent_streams():
        if stream != HOLDINGS:
            with apart.keep(stream):
                export_stream(stream=stream, actor=actor, limits=limits)
    before = bundles_to_carry()
    own = look_at_own(stick=stick, to_go=before)
    trips = Trips(own.trips)
    planned = plan_trips(stick=stick, own=own, trips=trips, to_go=before)
    _note_trips({batch.id: planned[batch.id] for batch in before if batch.id in planned and _is_log(batch)})
    # Last, and at every carry: they tell what was just imported, and in which trip the others lie.
    export_stream(stream=HOLDINGS, actor=actor, full=True, limits=limits)
    failpoint("carry.exported")
    to_go = bundles_to_carry()
    report.trip = trips.first
    report.repaired += own.repaired
    Writer(stick, folders, own, trips, planned, report, progress).write(to_go)
    report.removed = tidy_own(stick=stick, to_go=to_go, safe=own.there)
    try:
        stick.flush()
    except OSError as error:
        raise name_failure(error, "the last bytes") from error
    failpoint("carry.tidied")
    _record(report, trips, actor)
    failpoint("carry.recorded")
    report.safe_to_remove = True
    try:
        apart.raise_first()
    except (OSError, BundleError) as error:
        report.not_exported.append(str(error))


def _is_log(batch: ExportBatch) -> bool:
    return batch.mode == BundleMode.BATCH


def _note_trips(planned: Mapping[UUID, str]) -> None:
    """Before the holdings are written: they name the trip of each bundle that is on its way."""
    by_trip: dict[str, list[UUID]] = {}
    for batch_id, trip in planned.items():
        by_trip.setdefault(trip, []).append(batch_id)
    for trip, ids in by_trip.items():
        ExportBatch.objects.filter(pk__in=ids).update(trip=trip)


def _record(report: SyncReport, trips: Trips, actor: Actor) -> None:
    """What is on the stick now; what found no room after all is in no trip."""
    at = clock.now()
    safe = {each.batch_id: each.trip for each in report.carried if each.trip is not None}
    stays = [each.batch_id for each in report.carried if each.stays]
    with transaction.atomic():
        _note_trips(safe)
        ExportBatch.objects.filter(pk__in=safe).update(carried_at=at)
        ExportBatch.objects.filter(pk__in=stays, trip__in=trips.names).update(trip=None)
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
    roots = [Path(each) for each in settings.MEDIA_ROOTS]
    with open_stick(roots, path) as stick:
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
