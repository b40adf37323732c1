"""Bundles that the peer lists and that this site never wrote, as far as it knows: it was restored from a backup."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from common_apps.transfer.bundle import records
from common_apps.transfer.bundle.streams import HOLDINGS
from common_apps.transfer.choices import BundleMode, ExportStatus
from common_apps.transfer.models import ExportBatch
from common_apps.transfer.selectors import newest_version
from common_apps.transfer.services.peer import raise_rolled_back

_WHY = "The other site lists it, and this site no longer knew it: it was restored from a backup."


def note_forgotten(*, logs: Mapping[UUID, str], states: Iterable[records.State], at: datetime, day: int) -> int:
    """Enters a row for each such bundle, so that the alarm is raised once; how many. ``logs``: by id, the stream of
    each log bundle among them. ``states``: all that is said of states.
    """
    unknown = [(batch_id, stream, BundleMode.BATCH, 0) for batch_id, stream in logs.items()]
    named = {state.batch_id: (state.stream, state.seq) for state in states if state.batch_id is not None}
    named |= {state.refused.batch_id: (state.stream, state.refused.seq) for state in states if state.refused}
    known = set(ExportBatch.objects.filter(pk__in=named).values_list("pk", flat=True))
    unknown += [
        (batch_id, stream, BundleMode.SNAPSHOT, seq)
        for batch_id, (stream, seq) in named.items()
        if batch_id not in known
    ]
    if not unknown:
        return 0
    ExportBatch.objects.bulk_create(
        ExportBatch(
            id=batch_id,
            batch_type=stream,
            mode=mode,
            seq=seq,
            status=ExportStatus.FAILED,
            error_message=_WHY,
            created_at=at,
            day=day,
            metadata={"forgotten": True},
        )
        for batch_id, stream, mode, seq in unknown
    )
    own = newest_version(HOLDINGS)
    raise_rolled_back(heard=0, own=own, bundles=len(unknown))
    return len(unknown)
