"""Usage leaves this site and notifications arrive, whichever app will count and show them: here tables stand for it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection

from common_apps.audit.actors import SYSTEM
from common_apps.core.ids import new_id
from common_apps.transfer import registry
from common_apps.transfer.bundle import records
from common_apps.transfer.bundle.codec import encode_record, usage_id
from common_apps.transfer.bundle.limits import DEFAULT_LIMITS
from common_apps.transfer.models import ExportBatch
from common_apps.transfer.registry import Outgoing, Waiting
from common_apps.transfer.selectors import locate_bundle
from common_apps.transfer.services import export_stream, scan_imports
from tests.common.transfer.kit import NOON, Peer, RowsReceiver

HOUR = datetime(2026, 11, 23, 12, tzinfo=UTC)


class UsageSender:
    """A LogSender over the table ``toy_usage``; a record's id is its text "user_id/hour", and no UUID."""

    def count(self, user_id: UUID, hour: datetime, submitted: int) -> str:
        """So many requests of the user in that hour: they wait, again if they have left before."""
        _run(
            """INSERT INTO toy_usage VALUES (%s, %s, %s, %s, 'pending', NULL)
            ON CONFLICT (id) DO UPDATE SET submitted = EXCLUDED.submitted, state = 'pending', batch = NULL""",
            usage_id(user_id, hour),
            user_id,
            hour,
            submitted,
        )
        return usage_id(user_id, hour)

    def states(self) -> dict[str, str]:
        return dict(_all("SELECT id, state FROM toy_usage"))

    def waiting(self) -> Waiting:
        ((count,),) = _all("SELECT count(*) FROM toy_usage WHERE state = 'pending'")
        return Waiting(count, NOON if count else None)

    def claim(self, *, batch_id: UUID, limit: int) -> int:
        return _run(
            """UPDATE toy_usage SET state = 'queued', batch = %s WHERE id IN
            (SELECT id FROM toy_usage WHERE state = 'pending' ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)""",
            batch_id,
            limit,
        )

    def read(self, *, batch_id: UUID) -> Iterator[Outgoing]:
        rows = _all(
            """SELECT id, user_id, hour, submitted FROM toy_usage WHERE batch = %s AND state = 'queued' ORDER BY id""",
            batch_id,
        )
        for name, user_id, hour, submitted in rows:
            line = records.Usage(
                id=name,
                user_id=user_id,
                hour=hour.astimezone(UTC),
                submitted=submitted,
                completed=0,
                failed=0,
                cancelled=0,
            )
            yield Outgoing(name, encode_record(line))

    def mark_exported(self, *, batch_id: UUID, at: datetime) -> int:
        return _run("UPDATE toy_usage SET state = 'exported' WHERE batch = %s AND state = 'queued'", batch_id)

    def confirm(self, *, batch_id: UUID, conflicts: Collection[Any], at: datetime) -> None:
        _run("UPDATE toy_usage SET state = 'confirmed' WHERE batch = %s AND state = 'exported'", batch_id)

    def requeue(self, *, batch_id: UUID, only: Collection[Any] | None = None) -> int:
        chosen = "" if only is None else " AND id = ANY(%s)"
        values = [batch_id] if only is None else [batch_id, list(only)]
        return _run(f"UPDATE toy_usage SET state = 'pending', batch = NULL WHERE batch = %s{chosen}", *values)

    def end(self, *, batch_id: UUID, code: str, at: datetime) -> None:
        _run("UPDATE toy_usage SET state = 'ended' WHERE batch = %s", batch_id)

    def has_unanswered(self, *, batch_id: UUID) -> bool:
        return False


def _run(statement: str, *values: object) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.rowcount


def _all(statement: str, *values: object) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


@pytest.fixture
def usage(transactional_db: None, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> Iterator[UsageSender]:
    _run(
        """CREATE TABLE toy_usage
        (id text PRIMARY KEY, user_id uuid, hour timestamptz, submitted int, state text, batch uuid)"""
    )
    toy = UsageSender()
    monkeypatch.setitem(registry.log_senders, "usage", toy)
    yield toy
    _run("DROP TABLE toy_usage")


def _export(**options: Any) -> list[ExportBatch]:
    outcomes = export_stream(stream="usage", actor=SYSTEM, **options)
    return [ExportBatch.objects.get(pk=each.batch_id) for each in outcomes]


def _read(peer: Peer, batch: ExportBatch) -> dict[str, int]:
    path = locate_bundle(batch)
    assert path is not None
    return {each.id: each.submitted for each in peer.read(path)[1]}


def _hear(peer: Peer, *listed: records.Record) -> None:
    peer.tell(*listed)
    assert [each.outcome for each in scan_imports(actor=SYSTEM)] == ["completed"]


def _applied(batch: ExportBatch) -> records.Applied:
    return records.Applied(stream="usage", batch_ids=[str(batch.pk)])


def test_usage_travels_and_is_confirmed_when_its_ids_are_no_uuids(usage: UsageSender, peer: Peer) -> None:
    user = uuid4()
    ids = [usage.count(user, HOUR + timedelta(hours=number), number + 1) for number in range(3)]
    (batch,) = _export()
    assert _read(peer, batch) == {ids[0]: 1, ids[1]: 2, ids[2]: 3}
    _hear(peer, _applied(batch))
    assert set(usage.states().values()) == {"confirmed"}


def test_usage_of_an_hour_goes_again_when_it_has_grown(usage: UsageSender, peer: Peer) -> None:
    user = uuid4()
    name = usage.count(user, HOUR, 1)
    (first,) = _export()
    usage.count(user, HOUR, 2)
    (second,) = _export()
    assert (_read(peer, first), _read(peer, second)) == ({name: 1}, {name: 2})
    # The older bundle says nothing of the row any more, which waits for its newest one.
    _hear(peer, _applied(first))
    assert usage.states() == {name: "exported"}
    _hear(peer, records.Applied(stream="usage", batch_ids=[str(first.pk), str(second.pk)]))
    assert usage.states() == {name: "confirmed"}


def test_usage_that_does_not_fit_goes_in_the_next_bundle(usage: UsageSender, peer: Peer) -> None:
    names = [usage.count(uuid4(), HOUR, 1) for _ in range(5)]
    line = len(encode_record(_usage_line(names[0])))
    bundles = _export(limits=replace(DEFAULT_LIMITS, log_plaintext=2 * (line + 1)))
    assert [each.record_count for each in bundles] == [2, 2, 1]
    carried = [name for each in bundles for name in _read(peer, each)]
    assert carried == sorted(names)


def _usage_line(name: str) -> records.Usage:
    user, _, hour = name.partition("/")
    return records.Usage(
        id=name,
        user_id=UUID(user),
        hour=datetime.fromisoformat(hour),
        submitted=1,
        completed=0,
        failed=0,
        cancelled=0,
    )


def test_usage_waits_again_when_its_bundle_is_lost_or_no_longer_listed(usage: UsageSender, peer: Peer) -> None:
    name = usage.count(uuid4(), HOUR, 7)
    (lost,) = _export()
    Path(lost.file_path).unlink()
    _hear(peer)
    assert usage.states() == {name: "pending"}
    (again,) = _export()
    _hear(peer, _applied(again))
    _hear(peer)
    assert usage.states() == {name: "pending"}
    (third,) = _export()
    assert _read(peer, third) == {name: 7}


def test_usage_ends_when_its_bundle_was_discarded(usage: UsageSender, peer: Peer) -> None:
    name = usage.count(uuid4(), HOUR, 7)
    (batch,) = _export()
    _hear(peer, records.Batch(stream="usage", batch_id=batch.pk, outcome="discarded", code="bad_record", records=[]))
    assert usage.states() == {name: "ended"}


def test_notification_is_entered_once_when_it_comes_twice(
    tables: None, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = RowsReceiver()
    monkeypatch.setitem(registry.log_receivers, "notifications", receiver)
    told = [_notification(user_id=None), _notification(user_id=uuid4())]
    lines = [encode_record(each) for each in told]
    peer.write("notifications", lines)
    peer.write("notifications", lines[:1])
    assert [(each.outcome, each.code) for each in scan_imports(actor=SYSTEM)] == [("completed", None)] * 2
    assert receiver.arrived() == {each.id for each in told}
    assert [(each.applied, each.known) for each in receiver.woken] == [(2, 0), (0, 1)]


def _notification(user_id: UUID | None) -> records.Notification:
    return records.Notification(
        id=new_id(), user_id=user_id, level="info", title="t", body="b", created_at=NOON, expires_at=None
    )
