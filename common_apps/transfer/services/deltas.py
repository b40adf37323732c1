"""Whether a state can travel as what has changed since the version that the other site has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from common_apps.transfer.bundle.codec import lines_in_schema, snapshot_digest
from common_apps.transfer.bundle.errors import Code
from common_apps.transfer.bundle.streams import STREAMS
from common_apps.transfer.choices import STATE_MODES, ExportStatus
from common_apps.transfer.models import ExportBatch, HeardState
from common_apps.transfer.registry import DeltaSender, StateSender


@dataclass(frozen=True, slots=True)
class Delta:
    """The lines of what changed, of the newest schema, and the digest of the snapshot that they stand for, of the
    bundle's.
    """

    lines: Iterator[bytes]
    digest: str


def find_delta(*, sender: StateSender, batch: ExportBatch) -> Delta | None:
    """What to write into the bundle; None where a snapshot has to go: the stream knows no deltas, the other site has
    nothing that this one knows, it has refused a delta for lack of a base, or the delta would be no smaller.

    In the caller's snapshot of the database, which the digest and the lines share.
    """
    stream = batch.batch_type
    if not STREAMS[stream].deltas or not isinstance(sender, DeltaSender):
        return None
    since = _known_base(stream)
    if since is None:
        return None
    whole, part = _Measured(sender.snapshot()), _Measured(sender.delta(since=since))
    digest = snapshot_digest(lines_in_schema(stream, whole, batch.schema))
    for _ in part:
        pass
    return Delta(sender.delta(since=since), digest) if part.size < whole.size else None


def _known_base(stream: str) -> int | None:
    """The version that the other site lists as applied, where it is a bundle of this site."""
    heard = HeardState.objects.filter(stream=stream).first()
    if heard is None or heard.batch_id is None or heard.refused_code == Code.MISSING_BASE:
        return None
    base = ExportBatch.objects.filter(
        pk=heard.batch_id, batch_type=stream, seq=heard.seq, status=ExportStatus.COMPLETED, mode__in=STATE_MODES
    )
    return heard.seq if base.exists() else None


class _Measured:
    """Lines, and how many bytes of payload have passed."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self.size = 0
        self._lines = lines

    def __iter__(self) -> Iterator[bytes]:
        for line in self._lines:
            self.size += len(line) + 1
            yield line
