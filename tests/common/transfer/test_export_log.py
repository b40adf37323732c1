"""T1, file, T2: rows leave in bundles that the peer can read, once each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.core.management import CommandError, call_command

from common_apps.audit.actors import SYSTEM
from common_apps.audit.models import AuditLog
from common_apps.operations import sweeps
from common_apps.transfer import registry, tasks
from common_apps.transfer.bundle.errors import BundleError
from common_apps.transfer.bundle.limits import Limits
from common_apps.transfer.models import ExportBatch
from common_apps.transfer.selectors import bundles_to_carry
from common_apps.transfer.services import export_all, export_stream, is_export_due
from tests.common.transfer.kit import Peer, RowsSender


def test_export_writes_bundles_until_none_waits_when_more_than_one_batch_waits(
    sender: RowsSender, peer: Peer, sent: str, settings: Any
) -> None:
    ids = sender.add(5)
    outcomes = export_stream(stream=sent, actor=SYSTEM, limits=Limits(log_records=2))
    assert [(each.outcome, each.seq, each.record_count) for each in outcomes] == [
        ("written", 1, 2),
        ("written", 2, 2),
        ("written", 3, 1),
    ]
    carried = []
    for batch in bundles_to_carry():
        header, records = peer.read(Path(batch.file_path))
        assert (header.batch_id, header.seq, header.stream) == (batch.id, batch.seq, sent)
        assert header.audit_head is None or header.audit_head.seq > 0
        carried += [each.id for each in records]
    assert carried == ids
    assert set(sender.states().values()) == {"exported"}
    assert AuditLog.objects.filter(action="bundle.exported").count() == 3
    latest = msgspec.json.decode((Path(settings.EXPORT_DIR) / sent / "latest.json").read_bytes())
    assert latest["batch_id"] == str(outcomes[-1].batch_id)


def test_export_writes_nothing_when_nothing_waits(sender: RowsSender, sent: str) -> None:
    assert export_stream(stream=sent, actor=SYSTEM) == []
    assert not ExportBatch.objects.exists()


def test_export_cuts_the_batch_when_the_next_record_would_break_the_limit(
    sender: RowsSender, peer: Peer, sent: str
) -> None:
    ids = sender.add(3)
    length = len(next(iter(_lines(sender)))) + 1
    outcomes = export_stream(stream=sent, actor=SYSTEM, limits=Limits(log_plaintext=2 * length + 10))
    assert [each.record_count for each in outcomes] == [2, 1]
    assert sorted(sender.states()) == ids
    assert set(sender.states().values()) == {"exported"}


def _lines(sender: RowsSender) -> list[bytes]:
    return [line.encode() for (line,) in sender._all("SELECT line FROM toy_rows")]


@pytest.mark.parametrize("stream", ["nonsense", ""])
def test_export_refuses_when_the_stream_does_not_leave_this_site(peer: Peer, db: None, stream: str) -> None:
    with pytest.raises(Exception, match="does not send"):
        export_stream(stream=stream, actor=SYSTEM)


def test_export_heeds_the_settings_when_they_allow_fewer_records(sender: RowsSender, sent: str, settings: Any) -> None:
    settings.LOG_BUNDLE_RECORDS = 2
    sender.add(3)
    assert [each.record_count for each in export_stream(stream=sent, actor=SYSTEM)] == [2, 1]


def test_is_export_due_when_enough_wait_or_the_oldest_has_waited_long_enough(
    sender: RowsSender, sent: str, settings: Any, time_machine: Any
) -> None:
    time_machine.move_to("2026-11-23T12:00:30Z", tick=False)
    assert not is_export_due(sent)
    sender.add(2)
    assert not is_export_due(sent)
    settings.LOG_BUNDLE_RECORDS = 2
    assert is_export_due(sent)
    settings.LOG_BUNDLE_RECORDS = 500
    time_machine.shift(30)
    assert is_export_due(sent)
    assert is_export_due("holdings")
    assert not is_export_due("nonsense")
    time_machine.move_to("2026-11-22T12:00:00Z", tick=False)
    assert is_export_due(sent), "a clock that was put back keeps nothing waiting"


RUNS = {
    "service": lambda: export_all(actor=SYSTEM),
    "task": tasks.export,
    "command": lambda: call_command("export_bundles"),
}


@pytest.mark.parametrize("run", list(RUNS))
def test_export_goes_on_with_the_other_streams_when_one_can_not_be_written(
    sender: RowsSender, sent: str, run: str
) -> None:
    sender.add(line=b"not what the stream's schema asks for")
    with pytest.raises((BundleError, CommandError), match="bad_record"):
        RUNS[run]()
    # Holdings come last, and without them the other site would hear nothing any more.
    assert ExportBatch.objects.filter(batch_type="holdings", status="completed").count() == 1
    assert set(sender.states().values()) == {"pending"}


def test_sweep_goes_on_with_the_other_states_when_one_can_not_be_written(
    peer: Peer, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def snapshot(self) -> Any:
            raise ZeroDivisionError

    monkeypatch.setitem(registry.state_senders, "settings", Broken())
    with pytest.raises(ZeroDivisionError):
        sweeps.export_changed_states()
    assert ExportBatch.objects.filter(batch_type="holdings", status="completed").count() == 1


def test_is_export_due_waits_a_minute_when_the_last_attempt_failed(
    sender: RowsSender, sent: str, time_machine: Any
) -> None:
    time_machine.move_to("2026-11-23T13:00:00Z", tick=False)
    sender.add(line=b"not what the stream's schema asks for")
    assert is_export_due(sent)
    with pytest.raises(BundleError):
        export_stream(stream=sent, actor=SYSTEM)
    assert not is_export_due(sent)
    time_machine.shift(60)
    assert is_export_due(sent)
    # So is it when the clock was put back meanwhile.
    time_machine.move_to("2026-11-23T12:30:00Z", tick=False)
    assert is_export_due(sent)
