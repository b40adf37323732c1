"""What this site tells of itself: which of the peer's bundles it holds, and what of its own is on its way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Q

from common_apps.transfer.bundle import records
from common_apps.transfer.bundle.codec import encode_record
from common_apps.transfer.bundle.streams import HOLDINGS, STREAMS, streams_from
from common_apps.transfer.choices import ImportStatus
from common_apps.transfer.models import AppliedState, ImportBatch
from common_apps.transfer.selectors import unconfirmed_bundles
from common_apps.transfer.services.days import known_day

# The other site may forget a bundle 60 days after its confirmation: it must be listed longer than that.
LISTED_DAYS = 90
MOST_SENT = 1000
_MOST_IDS = 1000
# Of one statement: so many lines, 2 MB.
_AT_ONCE = 50 * _MOST_IDS
# No bundle has it: a bundle's id is a UUIDv7.
_BEFORE_ALL = "00000000-0000-0000-0000-000000000000"
_ID_LENGTH = 36
_BETWEEN = '","'
_LINE_LENGTH = _MOST_IDS * (_ID_LENGTH + len(_BETWEEN))


class HoldingsSender:
    """The sending end of holdings (StateSender). Its content changes when something is applied, refused or sent."""

    def snapshot(self) -> Iterator[bytes]:
        """The records of holdings, in one order, so that equal holdings have equal digests."""
        yield from _states()
        since = known_day() - LISTED_DAYS
        logs = _peer_streams("log")
        worded = _worded(logs, since)
        for stream in logs:
            yield from _applied(stream, since)
            yield from worded[stream]
        yield from _sent()

    def mark_exported(self, *, seq: int, at: datetime) -> None:
        """Nothing to mark: the bundle's row tells."""


def _peer_streams(kind: str) -> list[str]:
    return [each for each in streams_from(settings.PEER) if STREAMS[each].kind == kind and each != HOLDINGS]


def _states() -> Iterator[bytes]:
    known = {state.stream: state for state in AppliedState.objects.all()}
    for stream in _peer_streams("state"):
        state = known.get(stream) or AppliedState(stream=stream)
        refused = None
        if state.refused_seq is not None and state.refused_batch_id is not None:
            refused = records.Refused(seq=state.refused_seq, batch_id=state.refused_batch_id, code=state.refused_code)
        line = records.State(stream=_named(stream), seq=state.seq, batch_id=state.batch_id, refused=refused)
        yield encode_record(line)


def _applied(stream: str, since: int) -> Iterator[bytes]:
    """Lines of at most 1,000 ids."""
    for joined in _listed(stream, since):
        for start in range(0, len(joined), _LINE_LENGTH):
            ids = joined[start : start + _LINE_LENGTH - len(_BETWEEN)]
            yield f'{{"type":"applied","stream":"{stream}","batch_ids":["{ids}"]}}'.encode()


def _listed(stream: str, since: int) -> Iterator[str]:
    """The ids in their order, joined by the database: of 200,000 none is ever an object of its own here, nor are all
    in memory at once.
    """
    last = _BEFORE_ALL
    with connection.cursor() as cursor:
        while True:
            # An aggregate takes its rows in the order of the subquery:
            # https://www.postgresql.org/docs/current/functions-aggregate.html
            cursor.execute(
                """
                SELECT string_agg(source_batch_id::text, '","'), count(*)
                FROM (
                    SELECT source_batch_id FROM import_batches
                    WHERE batch_type = %s AND status = 'completed' AND code IS NULL AND last_met_day > %s
                      AND source_batch_id > %s
                    ORDER BY source_batch_id LIMIT %s
                ) AS listed
                """,
                [stream, since, last, _AT_ONCE],
            )
            [(joined, count)] = cursor.fetchall()
            if count:
                yield joined
                last = joined[-_ID_LENGTH:]
            if count < _AT_ONCE:
                return


def _worded(streams: list[str], since: int) -> dict[str, list[bytes]]:
    """By stream, the bundles that need words: held as long as they are, discarded ones and conflicts for as long as
    applied ones are listed.

    They are few, of all streams together too: two idle sites ask all day, and one statement serves each index.
    """
    rows = ImportBatch.objects.filter(batch_type__in=streams, source_batch_id__isnull=False)
    rows = rows.only("batch_type", "source_batch_id", "code", "metadata", "discarded_at").order_by("source_batch_id")
    held = Q(held_at__isnull=False, discarded_at=None)
    discarded = Q(discarded_at__isnull=False, last_met_day__gt=since)
    failed = list(rows.filter(held | discarded, status=ImportStatus.FAILED))
    conflicts = rows.filter(status=ImportStatus.COMPLETED, code__isnull=False, last_met_day__gt=since)
    lines: dict[str, list[bytes]] = {stream: [] for stream in streams}
    for outcome, found in (
        ("held", [row for row in failed if row.discarded_at is None]),
        ("discarded", [row for row in failed if row.discarded_at is not None]),
        ("applied", conflicts),
    ):
        for row in found:
            lines[row.batch_type].append(encode_record(_batch(row, outcome)))
    return lines


def _batch(row: ImportBatch, outcome: Any) -> records.Batch:
    assert row.source_batch_id is not None and row.code is not None  # noqa: S101 - the table's CHECK constraints say so
    return records.Batch(
        stream=_named(row.batch_type),
        batch_id=row.source_batch_id,
        outcome=outcome,
        code=row.code,
        records=row.metadata.get("conflicts", []) if outcome == "applied" else [],
    )


def _sent() -> Iterator[bytes]:
    for batch in unconfirmed_bundles()[:MOST_SENT]:
        line = records.Sent(
            stream=_named(batch.batch_type),
            batch_id=batch.id,
            seq=batch.seq,
            created_at=batch.created_at,
            record_count=batch.record_count,
            trip=batch.trip,
        )
        yield encode_record(line)


def _named(stream: str) -> Any:
    """The structs name the streams one by one; here they come from the table of streams."""
    return stream
