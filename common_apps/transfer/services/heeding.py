"""Heeding the peer's holdings: what they list is confirmed, the rest goes again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import structlog
from django.db import connection

from common_apps.core.binary_copy import NULL, copy_rows, pack_jsonb, pack_text, pack_uuid, pack_uuid_texts
from common_apps.core.failpoints import failpoint
from common_apps.transfer.bundle import records
from common_apps.transfer.folders import site_folders
from common_apps.transfer.models import HeardState, Peer
from common_apps.transfer.registry import sent_streams
from common_apps.transfer.selectors import newest_version
from common_apps.transfer.services.comparing import compare_lists
from common_apps.transfer.services.days import count_day
from common_apps.transfer.services.files import tidy_exports
from common_apps.transfer.services.forgotten import note_forgotten
from common_apps.transfer.services.judging import judge_bundles
from common_apps.transfer.services.judging_states import judge_states
from common_apps.transfer.services.versions import is_believable

log = structlog.get_logger("transfer.holdings")


class HoldingsReceiver:
    """The receiving end of holdings (StateReceiver). The caller holds the locks of all exporters of this site."""

    def apply_snapshot(self, lines: Iterable[Any], *, import_batch_id: UUID, at: datetime) -> int:
        """Judges every own bundle by the list; how many changed their state."""
        states, sent = _read_lists(lines)
        for state in states:
            HeardState.objects.update_or_create(
                stream=state.stream,
                defaults={
                    "seq": state.seq,
                    "batch_id": state.batch_id,
                    "refused_seq": state.refused.seq if state.refused else None,
                    "refused_batch_id": state.refused.batch_id if state.refused else None,
                    "refused_code": state.refused.code if state.refused else "",
                },
            )
        Peer.objects.filter(pk=1).update(sent=[msgspec.to_builtins(each) for each in sent], updated_at=at)
        day = count_day()
        compared = compare_lists()
        note_forgotten(logs=compared.unknown, states=states, at=at, day=day)
        changed = judge_bundles(said=compared.said, at=at, day=day) + judge_states(at=at, day=day)
        failpoint("holdings.heeding")
        return changed

    def after_commit(self, changed: int) -> None:
        """Confirmed and superseded files leave EXPORT_DIR. What can't be moved now is moved by the next export."""
        folders = site_folders()
        failpoint("holdings.tidying")
        for stream in sent_streams():
            try:
                tidy_exports(stream=stream, folders=folders)
            except OSError as error:
                log.warning("files could not be tidied", stream=stream, error=str(error))


def _read_lists(lines: Iterable[Any]) -> tuple[list[records.State], list[records.Sent]]:
    """The bundles that the list names go into a table of this transaction; states and what is on its way are few."""
    states: list[records.State] = []
    sent: list[records.Sent] = []
    with connection.cursor() as cursor:
        cursor.execute(
            """
            CREATE TEMPORARY TABLE IF NOT EXISTS heard_bundles
            (batch_id uuid, stream text, outcome text, code text, records jsonb) ON COMMIT DROP
            """
        )
        cursor.execute("DELETE FROM heard_bundles")

        def rows() -> Iterator[bytes]:
            for line in lines:
                match line:
                    case records.State():
                        states.append(line)
                    case records.Sent():
                        sent.append(line)
                    case records.Applied():
                        said = _said(line.stream, "applied", None, [])
                        yield from (each + said for each in pack_uuid_texts(line.batch_ids))
                    case records.Batch():
                        yield pack_uuid(line.batch_id) + _said(line.stream, line.outcome, line.code, line.records)

        copy_rows("heard_bundles", ("batch_id", "stream", "outcome", "code", "records"), rows())
        cursor.execute("ANALYZE heard_bundles")
    # Only now: while the COPY is open, the connection can't be asked anything.
    return [_believed(state) for state in states], sent


def _believed(state: records.State) -> records.State:
    """A line with a version that this site can't have written is taken as if nothing were applied there."""
    named = max(state.seq, state.refused.seq if state.refused else 0)
    if is_believable(named, known=newest_version(state.stream)):
        return state
    log.warning("the other site lists a version that can't be", stream=state.stream, version=named)
    return records.State(stream=state.stream, seq=0, batch_id=None, refused=None)


def _said(stream: str, outcome: str, code: str | None, names: list[str]) -> bytes:
    """All columns behind the bundle's id."""
    words = pack_text(stream) + pack_text(outcome) + pack_text(code)
    return words + (pack_jsonb(msgspec.json.encode(names)) if names else NULL)
