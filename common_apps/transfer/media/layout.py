"""What lies where on a stick: ``airferry/<source>/<trip>/``, bundles flat beside their sidecars."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

from common_apps.transfer.bundle.names import PART_SUFFIX, SIDECAR_SUFFIX, parse_name, sidecar_name
from common_apps.transfer.media.folder import Folder, NotPlainError

TOP = "airferry"
# Folders of FAT32 are small, and slow when they are large.
MOST_IN_TRIP = 1000
_MOST_SHOWN = 100
_TRIP = re.compile(r"[0-9]{8}_[0-9]{6}(_[0-9]{1,6})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Found:
    """A file of a bundle's name on a stick; ``size`` in bytes. Nothing of it has been read."""

    trip: str
    name: str
    size: int
    has_sidecar: bool


@dataclass(slots=True)
class Listing:
    """What a site's folder on a stick holds.

    ``torn``: (trip, name) of what only a run that was broken off leaves: parts, and sidecars without a bundle.
    ``odd``: names that are neither; the first of them, and how many in all.
    """

    trips: list[str] = field(default_factory=list)
    bundles: list[Found] = field(default_factory=list)
    torn: list[tuple[str, str]] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    odd_count: int = 0

    def note_odd(self, name: str) -> None:
        """A name that is listed, and otherwise left alone."""
        self.odd_count += 1
        if len(self.odd) < _MOST_SHOWN:
            self.odd.append(name.encode("utf-8", "backslashreplace").decode())


def list_site(stick: Folder, site: str) -> Listing:
    """All trips of the site, the oldest first; empty where the stick has none. Raises OSError."""
    listing = Listing()
    try:
        with Folder.open_below(stick, TOP, site) as folder:
            for name in sorted(folder.entries()):
                if not _TRIP.fullmatch(name):
                    listing.note_odd(name)
                    continue
                try:
                    trip = folder.folder(name)
                except NotPlainError:
                    listing.note_odd(name)
                    continue
                listing.trips.append(name)
                with trip:
                    _list_trip(trip, name, listing)
    except (FileNotFoundError, NotPlainError):
        return listing
    listing.trips.sort(key=_trip_order)
    listing.bundles.sort(key=lambda each: (_trip_order(each.trip), each.name))
    return listing


def _list_trip(folder: Folder, trip: str, listing: Listing) -> None:
    names = set(folder.entries())
    for name in sorted(names):
        if parse_name(name) is not None:
            facts = folder.facts(name)
            if facts is not None:
                listing.bundles.append(Found(trip, name, facts.st_size, sidecar_name(name) in names))
            continue
        bundle = name.removesuffix(PART_SUFFIX).removesuffix(SIDECAR_SUFFIX)
        if bundle == name or parse_name(bundle) is None:
            listing.note_odd(f"{trip}/{name}")
        elif name.endswith(PART_SUFFIX) or bundle not in names:
            listing.torn.append((trip, name))


def _trip_order(trip: str) -> tuple[str, int]:
    return trip[:15], int(trip[16:] or 1)


def new_trips(at: datetime, taken: Collection[str]) -> Iterator[str]:
    """Names of trip folders that begin now, without end: YYYYMMDD_HHMMSS in UTC, then ``_2``, ``_3`` .."""
    stamp = f"{at.astimezone(UTC):%Y%m%d_%H%M%S}"
    for number in count(1):
        name = stamp if number == 1 else f"{stamp}_{number}"
        if name not in taken:
            yield name
