"""Writing what has to go onto the stick, and nothing else: holdings, then states, then the oldest."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from django.conf import settings

from common_apps.core import clock
from common_apps.core.failpoints import failpoint
from common_apps.transfer.bundle.errors import BundleError
from common_apps.transfer.bundle.limits import DEFAULT_LIMITS
from common_apps.transfer.bundle.names import sidecar_name
from common_apps.transfer.bundle.sidecar import parse_sidecar
from common_apps.transfer.bundle.streams import HOLDINGS
from common_apps.transfer.folders import Folders
from common_apps.transfer.media.copying import drop, file_blocks, measure_on, put_on, read_off
from common_apps.transfer.media.errors import StickCode, StickError, name_failure
from common_apps.transfer.media.folder import Folder, NotPlainError
from common_apps.transfer.media.layout import MOST_IN_TRIP, TOP, Found, list_site, new_trips
from common_apps.transfer.media.stick import Stick
from common_apps.transfer.models import ExportBatch
from common_apps.transfer.selectors import locate_bundle
from common_apps.transfer.services.media_report import Carried, Fate, Progress, SyncReport
from common_apps.transfer.services.media_tidy import tidy_own

# What a sidecar takes at most, with its entry in the folder.
_BESIDE = 2048


@dataclass(slots=True)
class Own:
    """This site's folder on the stick before anything is written.

    ``there``: the trip in which a bundle lies whole, by its name. ``trips``: names that are taken.
    """

    there: dict[str, str] = field(default_factory=dict)
    trips: list[str] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)


def look_at_own(*, stick: Stick, to_go: Sequence[ExportBatch], progress: Progress) -> Own:
    """Reads back what has to go and lies there already; names what a run that was broken off has left torn.

    Raises StickError.
    """
    try:
        listing = list_site(stick.folder, settings.SITE)
        own = Own(trips=listing.trips)
        own.repaired += [f"{trip}/{name}" for trip, name in listing.torn]
        needed = {batch.filename: batch for batch in to_go}
        sizes = dict(
            ExportBatch.objects.filter(filename__in=[each.name for each in listing.bundles]).values_list(
                "filename", "file_size_bytes"
            )
        )
        total, done = sum(each.size for each in listing.bundles if each.name in needed), 0
        for found in listing.bundles:
            batch = needed.get(found.name)
            if not found.has_sidecar or sizes.get(found.name, found.size) != found.size:
                own.repaired.append(f"{found.trip}/{found.name}")
            elif batch is not None and found.name not in own.there:
                if _is_whole(stick, found, batch):
                    own.there[found.name] = found.trip
                else:
                    own.repaired.append(f"{found.trip}/{found.name}")
                done += found.size
                progress("check", done, total)
    except OSError as error:
        raise name_failure(error, settings.SITE) from error
    return own


def _is_whole(stick: Stick, found: Found, batch: ExportBatch) -> bool:
    """Every byte is what was written, the sidecar's, too."""
    with Folder.open_below(stick.folder, TOP, settings.SITE, found.trip) as trip:
        try:
            beside = read_off(trip, sidecar_name(found.name), most=DEFAULT_LIMITS.sidecar + 1)
            return _is_its_sidecar(beside, batch) and measure_on(trip, found.name) == (found.size, batch.checksum)
        except (FileNotFoundError, NotPlainError):
            return False


def _is_its_sidecar(raw: bytes, batch: ExportBatch) -> bool:
    source = locate_bundle(batch)
    try:
        if source is not None:
            return raw == source.with_name(sidecar_name(source.name)).read_bytes()
        said = parse_sidecar(raw)
    except (FileNotFoundError, BundleError):
        return False
    return (said.batch_id, said.checksum) == (str(batch.id), batch.checksum)


class Trips:
    """The trip folders of one run: ``first`` holds the holdings, ``names`` are those in use."""

    def __init__(self, taken: Collection[str]) -> None:
        self._new = new_trips(clock.now(), taken)
        self.first = next(self._new)
        self.names = [self.first]
        # The holdings have their place.
        self._count = 1

    def place(self) -> str:
        """The folder of one more bundle."""
        if self._count == MOST_IN_TRIP:
            self.names.append(next(self._new))
            self._count = 0
        self._count += 1
        return self.names[-1]


def plan_trips(*, stick: Stick, own: Own, trips: Trips, to_go: Sequence[ExportBatch]) -> dict[UUID, str]:
    """The folder in which each bundle will lie, so that the holdings of this very trip can name it; without those
    that don't fit. Raises StickError.
    """
    try:
        room = stick.room()
    except OSError as error:
        raise name_failure(error, str(stick.path)) from error
    free = room.free
    planned: dict[UUID, str] = {}
    for batch in to_go:
        trip = own.there.get(batch.filename)
        if trip is None:
            need = _need(batch, room.block)
            if free is not None:
                free -= need
                if free < 0:
                    free += need
                    continue
            # New holdings, about as large as the last, take the place of these.
            trip = trips.first if batch.batch_type == HOLDINGS else trips.place()
        planned[batch.id] = trip
    return planned


def _need(batch: ExportBatch, block: int) -> int:
    size = batch.file_size_bytes or 0
    return (-(-size // block) + -(-_BESIDE // block)) * block


@dataclass(slots=True)
class Writer:
    """Writes one run's bundles. ``fates`` tells of each where it ended."""

    stick: Stick
    folders: Folders
    own: Own
    trips: Trips
    planned: dict[UUID, str]
    report: SyncReport
    progress: Progress
    done: int = 0
    total: int = 0
    # The smallest that found no room: what is as large is not tried.
    too_large: int | None = None

    def write(self, to_go: list[ExportBatch]) -> None:
        """All of them, in this order. Raises StickError when the stick can't be written any more."""
        # Each byte is written, and read back.
        self.total = 2 * sum(batch.file_size_bytes or 0 for batch in to_go if batch.filename not in self.own.there)
        with self._own_folder() as folder:
            for batch in to_go:
                self.report.carried.append(self._put(folder, batch, to_go))
        failpoint("carry.written")

    def _own_folder(self) -> Folder:
        try:
            with self.stick.folder.make_folder(TOP) as top:
                return top.make_folder(settings.SITE)
        except OSError as error:
            raise name_failure(error, settings.SITE, tells_room=self._tells_room()) from error

    def _put(self, folder: Folder, batch: ExportBatch, to_go: list[ExportBatch]) -> Carried:
        there = self.own.there.get(batch.filename)
        if there is not None:
            return _carried(batch, "there", there)
        size = batch.file_size_bytes or 0
        if self.too_large is not None and size >= self.too_large:
            return _carried(batch, "left", detail="no room on the stick")
        trip = self.planned.get(batch.id) or self._place(batch)
        for attempt in (1, 2):
            try:
                return self._copy(folder, batch, trip)
            except StickError as error:
                if error.code != StickCode.FULL:
                    raise
                # Old ones that need not go any more make room, once.
                if attempt == 1 and tidy_own(stick=self.stick, to_go=to_go, safe=self.own.there):
                    continue
        self.too_large = size
        return _carried(batch, "left", detail="no room on the stick")

    def _place(self, batch: ExportBatch) -> str:
        return self.trips.first if batch.batch_type == HOLDINGS else self.trips.place()

    def _copy(self, folder: Folder, batch: ExportBatch, trip: str) -> Carried:
        source = locate_bundle(batch, self.folders)
        if source is None:
            return _carried(batch, "missing", detail="its file is not there; it is written anew after the next trip")
        try:
            beside = b"".join(_read_source(source.with_name(sidecar_name(source.name))))
            with folder.make_folder(trip) as target:
                said = put_on(target, batch.filename, _read_source(source), advance=self._advance)
                if said != (batch.file_size_bytes, batch.checksum):
                    target.remove(batch.filename)
                    return _carried(batch, "missing", detail="its file is damaged; it is written anew")
                try:
                    put_on(target, sidecar_name(batch.filename), iter((beside,)))
                except (OSError, StickError):
                    # Without its sidecar it is nothing, and takes room.
                    drop(target, batch.filename)
                    raise
        except _SourceError:
            return _carried(batch, "missing", detail="its file can't be read; it is written anew")
        except OSError as error:
            raise name_failure(error, batch.filename, tells_room=self._tells_room()) from error
        self.own.there[batch.filename] = trip
        return _carried(batch, "written", trip)

    def _tells_room(self) -> bool:
        try:
            return self.stick.room().free is not None
        except OSError:
            return True

    def _advance(self, count: int) -> None:
        self.done += count
        self.progress("write", self.done, self.total)


class _SourceError(Exception):
    """The file of this site can't be read; the stick has no part in it."""


def _read_source(path: Path) -> Iterator[bytes]:
    try:
        yield from file_blocks(path)
    except OSError as error:
        raise _SourceError from error


def _carried(batch: ExportBatch, fate: Fate, trip: str | None = None, detail: str = "") -> Carried:
    return Carried(
        batch_id=batch.id,
        stream=batch.batch_type,
        file=batch.filename,
        records=batch.record_count,
        size=batch.file_size_bytes or 0,
        fate=fate,
        trip=trip,
        detail=detail,
    )
