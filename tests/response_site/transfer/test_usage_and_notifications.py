"""Usage arrives at this site and notifications leave, whichever app will keep and write them: here tables stand for
it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from common_apps.audit.actors import SYSTEM
from common_apps.core.ids import new_id
from common_apps.transfer import registry
from common_apps.transfer.bundle import records
from common_apps.transfer.bundle.codec import encode_record, usage_id
from common_apps.transfer.models import ExportBatch
from common_apps.transfer.registry import Applied
from common_apps.transfer.services import export_stream, scan_imports
from tests.common.transfer.kit import NOON, Peer, RowsSender

HOUR = datetime(2026, 11, 23, 12, tzinfo=UTC)


class UsageReceiver:
    """A LogReceiver over the table ``toy_usage``: of two counts the greater stands, so none is ever in conflict."""

    def apply(self, received: Sequence[Any], *, import_batch_id: Any, at: datetime) -> Applied:
        with connection.cursor() as cursor:
            for each in received:
                cursor.execute(
                    """INSERT INTO toy_usage VALUES (%s, %s, %s) ON CONFLICT (id) DO UPDATE SET
                    submitted = greatest(toy_usage.submitted, EXCLUDED.submitted),
                    completed = greatest(toy_usage.completed, EXCLUDED.completed)""",
                    [each.id, each.submitted, each.completed],
                )
        return Applied(applied=len(received))

    def after_commit(self, applied: Applied) -> None:
        """Nobody waits for counts."""

    def counts(self) -> dict[str, tuple[int, int]]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT id, submitted, completed FROM toy_usage")
            return {name: (submitted, completed) for name, submitted, completed in cursor.fetchall()}


@pytest.fixture
def usage(transactional_db: None, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> Iterator[UsageReceiver]:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE toy_usage (id text PRIMARY KEY, submitted int, completed int)")
    toy = UsageReceiver()
    monkeypatch.setitem(registry.log_receivers, "usage", toy)
    yield toy
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE toy_usage")


def _usage(user_id: Any, submitted: int, completed: int) -> bytes:
    return encode_record(
        records.Usage(
            id=usage_id(user_id, HOUR),
            user_id=user_id,
            hour=HOUR,
            submitted=submitted,
            completed=completed,
            failed=0,
            cancelled=0,
        )
    )


def _scan() -> list[tuple[str, str | None]]:
    return [(each.outcome, each.code) for each in scan_imports(actor=SYSTEM)]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_counts_the_greater_stands_in_whichever_order_they_come(
    usage: UsageReceiver, peer: Peer, order: tuple[int, int]
) -> None:
    user = uuid4()
    told = [_usage(user, 5, 1), _usage(user, 7, 3)]
    for number in order:
        peer.write("usage", [told[number]])
        assert _scan() == [("completed", None)]
    assert usage.counts() == {usage_id(user, HOUR): (7, 3)}


def test_usage_is_held_when_an_hour_stands_twice_in_a_bundle(
    usage: UsageReceiver, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from common_apps.transfer.bundle import writer

    user = uuid4()
    with monkeypatch.context() as patch:
        patch.setattr(writer, "_verify_part", lambda *_: None)
        peer.write("usage", [_usage(user, 1, 0), _usage(user, 2, 0)])
    assert _scan() == [("quarantined", "bad_record")]
    assert usage.counts() == {}


def test_notifications_travel_and_are_confirmed(tables: None, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    sender = RowsSender("notifications")
    monkeypatch.setitem(registry.log_senders, "notifications", sender)
    note = records.Notification(
        id=new_id(), user_id=None, level="info", title="t", body="b", created_at=NOON, expires_at=None
    )
    (row,) = sender.add(line=encode_record(note))
    (outcome,) = export_stream(stream="notifications", actor=SYSTEM)
    batch = ExportBatch.objects.get(pk=outcome.batch_id)
    assert peer.read(Path(batch.file_path))[1] == [note]
    peer.tell(records.Applied(stream="notifications", batch_ids=[str(batch.pk)]))
    assert _scan() == [("completed", None)]
    assert sender.states() == {row: "confirmed"}
