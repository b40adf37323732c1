"""`media sync`: what has come is taken, what has to go is on the stick, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from common_apps.audit.models import AuditLog
from common_apps.core.ids import new_id
from common_apps.transfer.bundle import records
from common_apps.transfer.bundle.names import bundle_name, sidecar_name
from common_apps.transfer.folders import site_folders
from common_apps.transfer.models import Carry, ExportBatch, ImportBatch
from common_apps.transfer.selectors import bundles_to_carry, locate_bundle
from common_apps.transfer.services import media_put
from tests.common.transfer.kit import Peer, RowsReceiver, RowsSender, log_line
from tests.common.transfer.sticks import TRIP, Stick

pytestmark = pytest.mark.django_db(transaction=True)


def test_sync_takes_and_leaves_when_both_sites_have_something(
    stick: Stick, sender: RowsSender, receiver: RowsReceiver, peer: Peer, received: str, sent: str
) -> None:
    rows = sender.add(3)
    peer.write(received, [log_line(received)], directory=stick.theirs)
    report = stick.sync()
    assert (report.exit_code, report.fault, report.safe_to_remove) == (0, None, True)
    assert [(each.trip, each.outcome.outcome) for each in report.taken] == [(TRIP, "completed")]
    assert len(receiver.arrived()) == 1
    assert {each.fate for each in report.carried} == {"written"}
    assert {each.parent.name for each in stick.bundles()} == {report.trip}
    assert len(stick.bundles()) == len(report.carried) == len(bundles_to_carry())
    assert sorted(stick.records(sent)) == sorted(rows)
    assert sender.states() == dict.fromkeys(rows, "exported")
    assert {batch.trip for batch in bundles_to_carry()} == {report.trip}
    assert None not in {batch.carried_at for batch in bundles_to_carry()}


def test_sync_tells_the_trip_in_its_holdings_when_the_bundle_rides_along(
    stick: Stick, sender: RowsSender, peer: Peer, sent: str
) -> None:
    sender.add(1)
    report = stick.sync()
    (holdings,) = [each for each in stick.bundles() if each.name.startswith("holdings")]
    told = [each for each in peer.read(holdings)[1] if isinstance(each, records.Sent)]
    batch = ExportBatch.objects.get(batch_type=sent)
    assert [(each.batch_id, each.trip) for each in told] == [(batch.id, report.trip)]


def test_sync_leaves_only_what_has_to_go_when_it_is_run_again(stick: Stick, sender: RowsSender, sent: str) -> None:
    sender.add(1)
    first = stick.sync()
    second = stick.sync()
    assert stick.streams()["holdings"] == 1
    assert {each.stream: each.fate for each in second.carried}[sent] == "there"
    assert ExportBatch.objects.get(batch_type=sent).trip == first.trip != second.trip
    assert second.removed == 1
    assert second.repaired == []


def test_sync_leaves_holdings_alone_when_the_other_site_has_confirmed_the_rest(
    stick: Stick, sender: RowsSender, peer: Peer, sent: str
) -> None:
    sender.add(1)
    stick.sync()
    told: list[records.Record] = []
    for batch in bundles_to_carry():
        if batch.batch_type == sent:
            told.append(records.Applied(stream=sent, batch_ids=[str(batch.id)]))
        elif batch.batch_type != "holdings":
            told.append(records.State(stream=batch.batch_type, seq=batch.seq, batch_id=batch.id, refused=None))
    newest = ExportBatch.objects.filter(batch_type="holdings").order_by("-seq")[0]
    peer.tell(*told, directory=stick.theirs, seq=5, hello={"heard": newest.seq})
    report = stick.sync()
    assert report.exit_code == 0
    assert dict(stick.streams()) == {"holdings": 1}
    assert [each.name for each in stick.own.iterdir()] == [report.trip]
    assert len(list(stick.theirs.iterdir())) == 2


def test_sync_takes_every_trip_oldest_first_when_several_lie_there(
    stick: Stick, receiver: RowsReceiver, peer: Peer, received: str
) -> None:
    peer.write(received, [log_line(received)], directory=stick.theirs)
    peer.write(received, [log_line(received)], directory=stick.theirs.with_name(f"{TRIP}_2"))
    peer.tell(directory=stick.theirs.with_name("20261122_080000"))
    report = stick.sync()
    assert [each.outcome.outcome for each in report.taken] == ["completed"] * 3
    assert report.taken[0].outcome.stream == "holdings"
    assert len(receiver.arrived()) == 2
    assert list(site_folders().taken.iterdir()) == []
    again = stick.sync()
    assert [each.outcome.outcome for each in again.taken] == ["duplicate"] * 3
    assert again.exit_code == 0


def test_sync_leaves_the_bundle_when_its_sidecar_is_missing(
    stick: Stick, receiver: RowsReceiver, peer: Peer, received: str
) -> None:
    peer.write(received, [log_line(received)], directory=stick.theirs, sidecar=False)
    whole = peer.write(received, [log_line(received)], directory=stick.theirs)
    report = stick.sync()
    assert sorted(each.outcome.outcome for each in report.taken) == ["completed", "waiting_sidecar"]
    assert (report.exit_code, report.safe_to_remove) == (1, True)
    assert ImportBatch.objects.get().filename == whole.path.name


def test_sync_quarantines_and_goes_on_when_a_bundle_is_torn(
    stick: Stick, receiver: RowsReceiver, peer: Peer, received: str
) -> None:
    torn = peer.write(received, [log_line(received)], directory=stick.theirs)
    os.truncate(torn.path, torn.size - 50)
    peer.write(received, [log_line(received)], directory=stick.theirs)
    report = stick.sync()
    assert sorted((each.outcome.outcome, each.outcome.code) for each in report.taken) == [
        ("completed", None),
        ("quarantined", "truncated"),
    ]
    assert report.exit_code == 1
    # The other site repairs its folder, and it comes again.
    torn.path.unlink()
    sidecar = torn.path.with_name(sidecar_name(torn.path.name))
    sidecar.unlink()
    peer.write(received, [log_line(received)], directory=stick.theirs, batch_id=torn.header.batch_id)
    assert stick.sync().exit_code == 0
    assert len(receiver.arrived()) == 2


def test_sync_keeps_the_bundle_in_import_dir_when_it_waits_for_a_key(
    stick: Stick, receiver: RowsReceiver, peer: Peer, received: str
) -> None:
    stranger = peer.keys.box_key().public_key
    written = peer.write(received, [log_line(received)], directory=stick.theirs, recipient=stranger)
    report = stick.sync()
    assert [each.outcome.outcome for each in report.taken] == ["waiting_key"]
    kept = site_folders().imports / received / written.path.name
    assert kept.read_bytes() == written.path.read_bytes()
    assert kept.with_name(sidecar_name(kept.name)).is_file()
    assert ImportBatch.objects.get().file_path == str(kept)


def test_sync_waits_for_answers_when_it_is_asked_to(
    stick: Stick, sender: RowsSender, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [3, 1, 0]

    def unanswered() -> int:
        if len(left) == 1:
            sender.add(1)
        return left.pop(0)

    monkeypatch.setattr("common_apps.transfer.services.media.unanswered_counts", [unanswered])
    report = stick.sync(wait_s=60)
    assert (report.unanswered, left) == (0, [])
    assert stick.streams()[sent] == 1


def test_sync_goes_on_when_the_time_for_answers_is_up(stick: Stick, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common_apps.transfer.services.media.unanswered_counts", [lambda: 2])
    report = stick.sync(wait_s=0.01)
    assert (report.unanswered, report.exit_code, report.safe_to_remove) == (2, 0, True)


def test_sync_begins_another_trip_when_one_is_full(
    stick: Stick, sender: RowsSender, sent: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LOG_BUNDLE_RECORDS = 1
    monkeypatch.setattr(media_put, "MOST_IN_TRIP", 3)
    rows = sender.add(7)
    report = stick.sync()
    assert sorted(stick.records(sent)) == sorted(rows)
    trips: dict[str, int] = {}
    for each in stick.bundles():
        trips[each.parent.name] = trips.get(each.parent.name, 0) + 1
    assert max(trips.values()) == 3
    assert sorted(trips)[:2] == [report.trip, f"{report.trip}_2"]
    assert {batch.trip for batch in ExportBatch.objects.filter(batch_type=sent)} <= set(trips)


def test_sync_says_missing_when_the_file_of_a_bundle_is_gone(stick: Stick, sender: RowsSender, sent: str) -> None:
    sender.add(1)
    stick.sync()
    (batch,) = [each for each in bundles_to_carry() if each.batch_type == sent]
    path = locate_bundle(batch)
    assert path is not None
    path.unlink()
    for each in stick.files():
        each.unlink()
    report = stick.sync()
    assert {each.stream: each.fate for each in report.carried}[sent] == "missing"
    assert (report.exit_code, report.safe_to_remove) == (1, True)


def test_sync_keeps_what_lies_there_when_only_the_copy_here_is_gone(
    stick: Stick, sender: RowsSender, sent: str
) -> None:
    rows = sender.add(1)
    stick.sync()
    (batch,) = [each for each in bundles_to_carry() if each.batch_type == sent]
    path = locate_bundle(batch)
    assert path is not None
    path.unlink()
    assert {each.stream: each.fate for each in stick.sync().carried}[sent] == "there"
    assert stick.records(sent) == rows


def test_carry_is_in_the_book_and_the_audit_when_it_is_done(stick: Stick) -> None:
    Carry.objects.create(begun_at="2026-11-23T10:00:00Z")
    report = stick.sync()
    newest, older = Carry.objects.all()
    assert (newest.status, newest.trip, newest.report["safe_to_remove"]) == ("fine", report.trip, True)
    assert older.status == "broken"
    assert AuditLog.objects.filter(action="media.synced", resource_id=report.trip).count() == 1


def test_names_from_hell_are_listed_and_not_followed_when_they_lie_there(
    stick: Stick, receiver: RowsReceiver, peer: Peer, received: str, tmp_path: Path
) -> None:
    outside = peer.write(received, [log_line(received)], directory=tmp_path / "outside")
    good = peer.write(received, [log_line(received)], directory=stick.theirs)
    site = stick.theirs.parent
    (site / "20261123_120000").symlink_to(tmp_path / "outside")
    (stick.theirs / outside.path.name).symlink_to(outside.path)
    beside = sidecar_name(outside.path.name)
    (stick.theirs / beside).symlink_to(outside.path.with_name(beside))
    for name in (b"\xff\xfe", b"a\nb", b"..\\..\\etc", "سلام".encode(), b"x" * 255, b"-rf", b"requests_x.jsonl.enc"):
        (stick.theirs / os.fsdecode(name)).write_bytes(b"?")
    fifo = good.path.with_name(bundle_name(received, good.header.created_at, new_id()))
    os.mkfifo(fifo)
    fifo.with_name(sidecar_name(fifo.name)).write_bytes(b"{}")
    report = stick.sync()
    outcomes = sorted((each.outcome.outcome, each.outcome.code) for each in report.taken)
    assert outcomes == [("completed", None), ("quarantined", "not_regular"), ("quarantined", "not_regular")]
    assert len(receiver.arrived()) == 1
    assert report.ignored_count == 8
    assert report.exit_code == 1
    assert outside.path.is_file()
