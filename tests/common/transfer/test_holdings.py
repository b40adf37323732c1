"""Who holds what: holdings are written when they say something new, and heeded by the sender's table."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from common_apps.audit.actors import SYSTEM
from common_apps.audit.models import AuditLog
from common_apps.core.ids import new_id
from common_apps.transfer.bundle import records
from common_apps.transfer.bundle.header import AnnouncedBox
from common_apps.transfer.bundle.keypairs import BoxKey, Kem
from common_apps.transfer.folders import site_folders
from common_apps.transfer.keys.peers import encode_key
from common_apps.transfer.models import ExportBatch
from common_apps.transfer.models import Peer as PeerRow
from common_apps.transfer.selectors import bundles_to_carry
from common_apps.transfer.services import ExportOutcome, export_log, export_stream, holdings, scan_imports
from tests.common.transfer.kit import Peer, RowsReceiver, RowsSender, bad_sectors, log_line, remove_with_sidecar


def _export(stream: str) -> ExportBatch:
    (outcome,) = export_stream(stream=stream, actor=SYSTEM)
    return ExportBatch.objects.get(pk=outcome.batch_id)


def _heed() -> None:
    assert [each.outcome for each in scan_imports(actor=SYSTEM)] == ["completed"]


def _applied(stream: Any, *ids: UUID) -> records.Applied:
    return records.Applied(stream=stream, batch_ids=[str(each) for each in ids])


def _holdings() -> list[ExportOutcome]:
    return export_stream(stream="holdings", actor=SYSTEM)


def test_holdings_confirm_the_bundle_when_it_is_listed_as_applied(
    sender: RowsSender, peer: Peer, sent: str, settings: Any
) -> None:
    sender.add()
    batch = _export(sent)
    peer.tell(_applied(sent, batch.id))
    _heed()
    batch.refresh_from_db()
    assert batch.confirmed_at is not None and batch.confirmed_day is not None
    assert set(sender.states().values()) == {"confirmed"}
    assert batch not in bundles_to_carry()
    # It leaves EXPORT_DIR for the archive, with its sidecar.
    assert not (settings.EXPORT_DIR / sent / batch.filename).exists()
    archived = site_folders().exported / sent / batch.filename
    assert Path(batch.file_path) == archived
    assert archived.is_file() and archived.with_name(f"{archived.name}.meta.json").is_file()


def test_holdings_fail_the_records_that_are_listed_in_conflict(sender: RowsSender, peer: Peer, sent: Any) -> None:
    ids = sender.add(2)
    batch = _export(sent)
    peer.tell(
        records.Batch(stream=sent, batch_id=batch.id, outcome="applied", code="record_conflict", records=[str(ids[0])])
    )
    _heed()
    assert sender.states() == {ids[0]: "conflict", ids[1]: "confirmed"}
    batch.refresh_from_db()
    assert (batch.peer_code, batch.confirmed_at is not None) == ("record_conflict", True)


def test_holdings_carry_the_same_bytes_again_when_the_bundle_is_not_listed(
    sender: RowsSender, peer: Peer, sent: str
) -> None:
    sender.add()
    batch = _export(sent)
    before = Path(batch.file_path).read_bytes()
    peer.tell()
    _heed()
    batch.refresh_from_db()
    assert batch in bundles_to_carry()
    assert Path(batch.file_path).read_bytes() == before
    assert (batch.confirmed_at, batch.superseded_at) == (None, None)


def test_holdings_bring_the_file_back_when_it_lies_in_the_archive(sender: RowsSender, peer: Peer, sent: str) -> None:
    sender.add()
    batch = _export(sent)
    home = Path(batch.file_path)
    archived = site_folders().exported / sent / batch.filename
    archived.parent.mkdir(parents=True)
    home.rename(archived)
    peer.tell()
    _heed()
    assert home.is_file() and not archived.exists()


def test_holdings_supersede_when_the_unconfirmed_file_is_lost(sender: RowsSender, peer: Peer, sent: str) -> None:
    sender.add()
    batch = _export(sent)
    remove_with_sidecar(Path(batch.file_path))
    peer.tell()
    _heed()
    batch.refresh_from_db()
    assert batch.superseded_at is not None
    assert set(sender.states().values()) == {"pending"}
    again = _export(sent)
    assert again.id != batch.id and again in bundles_to_carry()


def _other_box(peer: Peer) -> dict[str, Any]:
    key = BoxKey.generate(version="v2", kem=Kem.X25519).public_key
    return {"box": [AnnouncedBox(version="v2", kem=key.kem, public=encode_key(key.public))]}


@pytest.mark.parametrize("hello", [{"box": None}, {"trusts": []}], ids=["box key", "signer"])
def test_holdings_supersede_when_the_peer_can_not_read_or_believe_the_bundle(
    sender: RowsSender, peer: Peer, sent: str, hello: dict[str, Any]
) -> None:
    sender.add()
    batch = _export(sent)
    peer.tell(hello=_other_box(peer) if "box" in hello else hello)
    _heed()
    batch.refresh_from_db()
    assert batch.superseded_at is not None
    assert set(sender.states().values()) == {"pending"}


def test_holdings_keep_back_a_held_bundle_and_carry_it_when_it_is_forgotten_there(
    sender: RowsSender, peer: Peer, sent: Any
) -> None:
    sender.add()
    batch = _export(sent)
    peer.tell(records.Batch(stream=sent, batch_id=batch.id, outcome="held", code="bad_record", records=[]))
    _heed()
    batch.refresh_from_db()
    assert (batch.held_at is not None, batch.peer_code) == (True, "bad_record")
    assert batch not in bundles_to_carry()
    assert AuditLog.objects.filter(action="bundle.held_by_peer", resource_id=str(batch.id)).count() == 1
    peer.tell()
    _heed()
    assert batch in bundles_to_carry()


def test_holdings_end_the_bundle_when_it_was_discarded_there(sender: RowsSender, peer: Peer, sent: Any) -> None:
    sender.add()
    batch = _export(sent)
    peer.tell(records.Batch(stream=sent, batch_id=batch.id, outcome="discarded", code="bad_record", records=[]))
    _heed()
    batch.refresh_from_db()
    assert batch.ended_at is not None
    assert set(sender.states().values()) == {"ended bad_record"}
    assert batch not in bundles_to_carry()
    assert not (site_folders().exports / sent / batch.filename).exists()


def test_holdings_supersede_when_a_confirmed_bundle_is_no_longer_listed(
    sender: RowsSender, peer: Peer, sent: str
) -> None:
    sender.add()
    batch = _export(sent)
    peer.tell(_applied(sent, batch.id))
    _heed()
    peer.tell()
    _heed()
    batch.refresh_from_db()
    assert batch.superseded_at is not None
    # Whatever moves their files, superseded ones are gone; the rows wait again.
    assert batch.pruned_at is not None


def test_holdings_settle_an_old_bundle_when_all_is_answered(sender: RowsSender, peer: Peer, sent: str) -> None:
    sender.add()
    batch = _export(sent)
    peer.tell(_applied(sent, batch.id))
    _heed()
    sender._run("UPDATE toy_rows SET answered = true")
    ExportBatch.objects.filter(pk=batch.pk).update(confirmed_day=0)
    from common_apps.transfer.models import DayCounter

    DayCounter.objects.update(days=61)
    peer.tell()
    _heed()
    batch.refresh_from_db()
    assert (batch.superseded_at, batch.settled_at is not None) == (None, True)


def test_import_drops_holdings_when_a_newer_version_has_been_heeded(peer: Peer, transactional_db: None) -> None:
    peer.tell(seq=20)
    _heed()
    peer.tell(seq=19, hello={"heard": 7})
    assert [(each.outcome, each.code) for each in scan_imports(actor=SYSTEM)] == [("dropped", "rolled_back")]
    row = PeerRow.objects.get()
    # Of heard the greatest ever seen counts, of the rest what the greatest version says.
    assert (row.hello_seq, row.heard) == (20, 7)


def test_export_writes_holdings_again_only_when_they_say_something_new(
    receiver: RowsReceiver, peer: Peer, received: Any, time_machine: Any
) -> None:
    time_machine.move_to("2026-11-23T12:00:00Z", tick=False)
    (first,) = _holdings()
    assert _holdings() == []
    written = peer.write(received, [log_line(received)])
    scan_imports(actor=SYSTEM)
    (second,) = _holdings()
    assert second.seq > first.seq
    header, lines = peer.read(site_folders().exports / "holdings" / second.file)
    assert [each for each in lines if isinstance(each, records.Applied)] == [_applied(received, written.batch_id)]
    assert header.hello is not None and header.hello.heard == 0
    # Only the newest are kept.
    assert [each.name for each in (site_folders().exports / "holdings").glob("*.enc")] == [second.file]
    # That the peer's holdings were heeded is no news by itself: two sites with a copier between them fall silent.
    peer.tell(hello={"heard": second.seq})
    _heed()
    assert _holdings() == []
    time_machine.shift(24 * 3600)
    assert len(_holdings()) == 1


def test_holdings_tell_of_held_and_sent_bundles(
    sender: RowsSender, receiver: RowsReceiver, peer: Peer, sent: Any, received: Any
) -> None:
    from tests.common.transfer.test_import_log import _write_unsound

    sender.add(3)
    batch = _export(sent)
    _write_unsound(peer, received)
    (refused,) = scan_imports(actor=SYSTEM)
    (outcome,) = _holdings()
    _, lines = peer.read(site_folders().exports / "holdings" / outcome.file)
    assert (
        records.Batch(stream=received, batch_id=refused.batch_id, outcome="held", code="bad_record", records=[])
        in lines
    )
    (told,) = [each for each in lines if isinstance(each, records.Sent)]
    assert (told.batch_id, told.seq, told.record_count, told.trip) == (batch.id, 1, 3, None)


def test_holdings_version_is_above_what_the_peer_has_heard_when_this_site_was_restored(
    peer: Peer, transactional_db: None
) -> None:
    (first,) = _holdings()
    far = first.seq + 10**9
    peer.tell(hello={"heard": far})
    _heed()
    (second,) = _holdings()
    assert second.seq == far + 1
    assert AuditLog.objects.filter(action="site.rolled_back").count() == 1


def test_holdings_raise_the_alarm_once_when_they_list_a_bundle_that_was_never_written(
    sender: RowsSender, peer: Peer, sent: str
) -> None:
    stranger = new_id()
    peer.tell(_applied(sent, stranger))
    _heed()
    peer.tell(_applied(sent, stranger))
    _heed()
    assert AuditLog.objects.filter(action="site.rolled_back").count() == 1
    assert ExportBatch.objects.get(pk=stranger).metadata == {"forgotten": True}
    # A row that stands for what is lost doesn't take a log's number.
    sender.add()
    assert _export(sent).seq == 1


def test_bundle_is_neither_confirmed_nor_strange_when_holdings_list_it_for_another_stream(
    sender: RowsSender, peer: Peer, sent: str
) -> None:
    sender.add()
    batch = _export(sent)
    other = next(each for each in ("requests", "results") if each != sent)
    peer.tell(_applied(other, batch.id))
    _heed()
    batch.refresh_from_db()
    assert batch.confirmed_at is None
    assert not AuditLog.objects.filter(action="site.rolled_back").exists()
    peer.tell(_applied(other, batch.id), _applied(sent, batch.id))
    _heed()
    batch.refresh_from_db()
    assert batch.confirmed_at is not None


@pytest.mark.parametrize("at_once", [50_000, 1000])
@pytest.mark.parametrize("count", [2000, 2500])
def test_holdings_list_a_thousand_bundles_a_line(
    receiver: RowsReceiver, peer: Peer, received: Any, monkeypatch: pytest.MonkeyPatch, at_once: int, count: int
) -> None:
    from common_apps.transfer.models import ImportBatch
    from tests.common.transfer.kit import NOON

    monkeypatch.setattr(holdings, "_AT_ONCE", at_once)
    ids = sorted((uuid4() for _ in range(count)), key=str)
    ImportBatch.objects.bulk_create(
        ImportBatch(
            source_batch_id=each,
            batch_type=received,
            checksum=each.hex * 2,
            status="completed",
            created_at=NOON,
            processed_at=NOON,
            last_met_at=NOON,
            last_met_day=1,
        )
        for each in ids
    )
    (outcome,) = _holdings()
    _, lines = peer.read(site_folders().exports / "holdings" / outcome.file)
    listed = [each.batch_ids for each in lines if isinstance(each, records.Applied)]
    assert [len(each) for each in listed] == [1000, 1000, 500][: len(listed)]
    assert [each for line in listed for each in line] == [str(each) for each in ids]


def test_holdings_are_heeded_when_a_record_in_conflict_has_no_uuid(sender: RowsSender, peer: Peer, sent: Any) -> None:
    ids = sender.add(2)
    batch = _export(sent)
    names = ["user/2026-11-23T12:00:00Z", str(ids[1])]
    peer.tell(records.Batch(stream=sent, batch_id=batch.id, outcome="applied", code="record_conflict", records=names))
    _heed()
    assert sender.states() == {ids[0]: "confirmed", ids[1]: "conflict"}


def test_holdings_wait_when_the_folder_of_exports_is_not_there(
    sender: RowsSender, peer: Peer, sent: str, settings: Any
) -> None:
    sender.add()
    batch = _export(sent)
    away = Path(settings.EXPORT_DIR).with_name("unmounted")
    Path(settings.EXPORT_DIR).rename(away)
    peer.tell()
    (outcome,) = scan_imports(actor=SYSTEM)
    assert (outcome.outcome, outcome.code) == ("postponed", "internal_error")
    away.rename(settings.EXPORT_DIR)
    _heed()
    batch.refresh_from_db()
    assert batch.superseded_at is None


def test_holdings_supersede_when_the_unconfirmed_file_lies_on_a_bad_sector(
    sender: RowsSender, peer: Peer, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender.add()
    batch = _export(sent)
    bad_sectors(monkeypatch, batch.filename)
    peer.tell()
    _heed()
    batch.refresh_from_db()
    assert batch.superseded_at is not None
    assert set(sender.states().values()) == {"pending"}


def test_holdings_confirm_a_bundle_whose_exporter_died_before_it_was_noted(
    sender: RowsSender, peer: Peer, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        pass

    def die(**_: Any) -> None:
        raise KilledError

    sender.add()
    with monkeypatch.context() as patch, pytest.raises(KilledError):
        patch.setattr(export_log, "complete_batch", die)
        export_stream(stream=sent, actor=SYSTEM)
    batch = ExportBatch.objects.get(batch_type=sent)
    # An automatic copier has carried it meanwhile.
    peer.tell(_applied(sent, batch.id))
    _heed()
    batch.refresh_from_db()
    assert batch.confirmed_at is not None
    assert set(sender.states().values()) == {"confirmed"}


def test_confirmed_file_leaves_for_the_archive_when_an_earlier_heeding_rolled_back(
    sender: RowsSender, peer: Peer, sent: str
) -> None:
    sender.add()
    batch = _export(sent)
    home = Path(batch.file_path)
    # The file was brought back from the archive, and the row forgot of it.
    archived = site_folders().exported / sent / batch.filename
    ExportBatch.objects.filter(pk=batch.pk).update(file_path=str(archived))
    peer.tell()
    _heed()
    peer.tell(_applied(sent, batch.id))
    _heed()
    assert archived.is_file() and not home.exists()


def test_holdings_tell_the_hello_that_was_heard_when_its_payload_can_not_be_read(
    peer: Peer, transactional_db: None
) -> None:
    (first,) = _holdings()
    far = first.seq + 10**9
    peer.tell(seq=far, recipient=BoxKey.generate(version="v9", kem=Kem.X25519).public_key)
    assert [each.outcome for each in scan_imports(actor=SYSTEM)] == ["waiting_key"]
    (second,) = export_stream(stream="holdings", actor=SYSTEM, full=True)
    header, _ = peer.read(site_folders().exports / "holdings" / second.file)
    assert header.hello is not None and header.hello.heard == far


def test_holdings_are_written_again_when_the_peer_has_heard_their_hello_and_can_not_read_them(
    peer: Peer, transactional_db: None
) -> None:
    peer.tell(seq=1)
    _heed()
    (first,) = _holdings()
    peer.tell(seq=2, hello={"heard": first.seq} | _other_box(peer))
    _heed()
    (second,) = _holdings()
    keys = [ExportBatch.objects.get(pk=each.batch_id).box_key for each in (first, second)]
    assert keys[0] != keys[1]
    assert _holdings() == []
