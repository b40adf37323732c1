"""The carry at a glance: what has not come, what the other site holds of ours, and what waits to go."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db.models import Count, Min, Q, Sum

from common_apps.core import clock
from common_apps.transfer.bundle.names import parse_name
from common_apps.transfer.bundle.streams import HOLDINGS, STREAMS
from common_apps.transfer.choices import UNREAD, WAITING, BundleMode, ExportStatus, ImportStatus
from common_apps.transfer.folders import Folders, site_folders
from common_apps.transfer.models import AppliedState, ExportBatch, HeardState, ImportBatch, Peer
from common_apps.transfer.selectors import quarantined, states_to_carry, unconfirmed_bundles

# Holdings are taken in before the bundles that came with them.
PATIENCE = timedelta(minutes=5)
# Of more files than this whoever looks at the page must not wait for a listing.
_MOST_FILES = 20_000


@dataclass(frozen=True, slots=True)
class Missing:
    """Bundles that the other site says it has sent and that have not come: how many, with how many records, since when
    the oldest is on its way, and in which trips' folders they went.
    """

    bundles: int
    records: int
    since: datetime | None
    trips: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """Bundles of one sort: how many, and since when the oldest; ``codes``: how many of each code."""

    bundles: int
    since: datetime | None
    records: int = 0
    codes: tuple[tuple[str, int], ...] = ()

    @property
    def by_code(self) -> dict[str, int]:
        """``codes`` as a map."""
        return dict(self.codes)


@dataclass(frozen=True, slots=True)
class Overview:
    """What operators have to know of the carry now."""

    missing: Missing
    held_there: Standing
    to_carry: Standing
    on_their_way: Standing
    quarantined: Standing
    heard_at: datetime | None


def read_overview() -> Overview:
    """All of it, for a page or a program."""
    peer = Peer.objects.filter(pk=1).first()
    waiting = unconfirmed_bundles().filter(held_at=None)
    states = [batch for batch in states_to_carry() if batch.batch_type != HOLDINGS]
    return Overview(
        missing=missing_bundles(),
        held_there=_held_there(),
        to_carry=_add(waiting.filter(carried_at=None), [each for each in states if each.carried_at is None]),
        on_their_way=_add(waiting.exclude(carried_at=None), [each for each in states if each.carried_at]),
        quarantined=_quarantined(),
        heard_at=peer.updated_at if peer else None,
    )


def missing_bundles(*, folders: Folders | None = None) -> Missing:
    """What the other site's newest holdings list as sent with a trip, and is neither applied, held, discarded nor
    waiting here.

    What was never put on a stick is not missing, it waits there. Nothing is missing within the first five minutes after
    holdings were heeded: what came with them is being imported.
    """
    peer = Peer.objects.filter(pk=1).first()
    sent = [each for each in (peer.sent if peer else []) if each["trip"] is not None]
    heeded = AppliedState.objects.filter(stream=HOLDINGS).values_list("applied_at", flat=True).first()
    if not sent or heeded is None or timedelta() <= clock.now() - heeded < PATIENCE:
        return Missing(0, 0, None, ())
    there = _met({UUID(each["batch_id"]) for each in sent})
    gone = [each for each in sent if UUID(each["batch_id"]) not in there]
    if gone:
        lying = _lying(folders or site_folders())
        gone = [each for each in gone if UUID(each["batch_id"]) not in lying]
    return Missing(
        bundles=len(gone),
        records=sum(each["record_count"] for each in gone),
        since=min((_time(each["created_at"]) for each in gone), default=None),
        trips=tuple(sorted({each["trip"] for each in gone})),
    )


def _met(asked: set[UUID]) -> set[UUID]:
    """Those that are settled here, or wait."""
    settled = Q(status=ImportStatus.COMPLETED) | Q(held_at__isnull=False) | Q(status__in=WAITING)
    found = set(
        ImportBatch.objects.filter(settled, source_batch_id__in=asked).values_list("source_batch_id", flat=True)
    )
    unread = ImportBatch.objects.filter(status__in=UNREAD).values_list("filename", flat=True)
    return {each for each in found if each is not None} | _named(unread)


def _lying(folders: Folders) -> set[UUID]:
    """Those whose files lie here and have not been looked at yet; none where this host has no such folders."""
    found: set[UUID] = set()
    for folder in (folders.taken, folders.imports, *(folders.imports / stream for stream in STREAMS)):
        found |= _named(_names(folder))
    return found


def _names(folder: Path) -> Iterable[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in islice(entries, _MOST_FILES)]
    except OSError:
        return []


def _named(names: Iterable[str]) -> set[UUID]:
    """The ids of bundles that files of these names would be."""
    return {known.batch_id for known in map(parse_name, names) if known is not None}


def _held_there() -> Standing:
    """Own bundles that the other site holds: of a state the refused one that it names, until a newer one is written."""
    refused = HeardState.objects.exclude(refused_batch_id=None).values("refused_batch_id")
    held = ExportBatch.objects.filter(
        Q(mode=BundleMode.BATCH) | Q(pk__in=refused),
        status=ExportStatus.COMPLETED,
        held_at__isnull=False,
        superseded_at=None,
        ended_at=None,
    )
    rows = list(held.values("peer_code", "held_at", "record_count"))
    return Standing(
        bundles=len(rows),
        records=sum(row["record_count"] for row in rows),
        since=min((row["held_at"] for row in rows if row["held_at"]), default=None),
        codes=_counted(row["peer_code"] for row in rows),
    )


def _quarantined() -> Standing:
    rows = list(quarantined().values_list("code", "created_at"))
    return Standing(
        bundles=len(rows),
        since=min((at for _, at in rows), default=None),
        codes=_counted(str(code) for code, _ in rows),
    )


def _add(logs: Any, states: list[ExportBatch]) -> Standing:
    found = logs.aggregate(bundles=Count("pk"), records=Sum("record_count"), since=Min("created_at"))
    times = [each.created_at for each in states] + ([found["since"]] if found["since"] else [])
    return Standing(
        bundles=found["bundles"] + len(states),
        records=(found["records"] or 0) + sum(each.record_count for each in states),
        since=min(times, default=None),
    )


def _counted(codes: Iterable[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(Counter(codes).items()))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
