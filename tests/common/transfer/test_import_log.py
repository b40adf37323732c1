"""The order of trust for a log's bundles, and what becomes of each file."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from common_apps.audit.actors import SYSTEM
from common_apps.core.ids import new_id
from common_apps.transfer.models import ImportBatch
from common_apps.transfer.selectors import quarantined
from common_apps.transfer.services import ImportOutcome, import_path, scan_imports
from tests.common.transfer.kit import Peer, RowsReceiver, log_line, scan


def _lines(stream: str, count: int = 2) -> tuple[list[UUID], list[bytes]]:
    ids = [new_id() for _ in range(count)]
    return ids, [log_line(stream, each) for each in ids]


def test_scan_applies_archives_and_removes_when_a_sound_bundle_lies_there(
    peer: Peer, receiver: RowsReceiver, received: str, settings: Any
) -> None:
    ids, lines = _lines(received)
    written = peer.write(received, lines)
    (outcome,) = scan_imports(actor=SYSTEM)
    assert (outcome.file, outcome.outcome, outcome.code) == (written.filename, "completed", None)
    assert receiver.arrived() == set(ids)
    assert [each.applied for each in receiver.woken] == [2]
    assert list((settings.IMPORT_DIR / received).iterdir()) == []
    archived = Path(ImportBatch.objects.get().file_path)
    assert archived.read_bytes() and archived.name == f"{written.checksum}.enc"
    assert scan() == []


def test_scan_counts_a_duplicate_when_the_same_bytes_come_again(
    peer: Peer, receiver: RowsReceiver, received: str
) -> None:
    written = peer.write(received, _lines(received)[1])
    content, sidecar = written.path.read_bytes(), written.path.with_name(written.filename + ".meta.json").read_bytes()
    scan_imports(actor=SYSTEM)
    written.path.write_bytes(content)
    # The sidecar of known bytes is not judged.
    written.path.with_name(written.filename + ".meta.json").write_bytes(
        sidecar.replace(b"record_count", b"rekord_count")
    )
    assert scan(patient=False) == [("duplicate", "duplicate")]
    row = ImportBatch.objects.get()
    assert (row.status, row.met_count) == ("completed", 2)
    assert not written.path.exists()
    assert len(receiver.woken) == 1


def test_import_keeps_the_file_when_a_path_is_named(
    peer: Peer, receiver: RowsReceiver, received: str, tmp_path: Path
) -> None:
    written = peer.write(received, _lines(received)[1], directory=tmp_path / "stick", sidecar=False)
    outcome = import_path(path=written.path, actor=SYSTEM)
    assert (outcome.outcome, outcome.code) == ("completed", None)
    assert written.path.exists()


def _flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def _damage_hash(peer: Peer, stream: str) -> None:
    _flip(peer.write(stream, _lines(stream)[1]).path, 600)


def _damage_signature(peer: Peer, stream: str) -> None:
    _flip(peer.write(stream, _lines(stream)[1]).path, -1)


def _rename(peer: Peer, stream: str) -> None:
    written = peer.write(stream, _lines(stream)[1])
    other = written.path.with_name(written.filename.replace("120000", "120001"))
    written.path.rename(other)
    written.path.with_name(written.filename + ".meta.json").rename(other.with_name(other.name + ".meta.json"))


def _spoil_sidecar(peer: Peer, stream: str) -> None:
    written = peer.write(stream, _lines(stream)[1])
    sidecar = written.path.with_name(written.filename + ".meta.json")
    sidecar.write_bytes(sidecar.read_bytes().replace(b'"record_count": 2', b'"record_count": 3'))


def _wrong_destination(peer: Peer, stream: str) -> None:
    # Signed by the peer, for the peer: read_back of the writer would refuse it, so the header is made by hand.
    peer.write("holdings", [], hello=peer.hello(), source=peer.here, destination=peer.site)


QUARANTINED = {
    "bad_hash": _damage_hash,
    "bad_signature": _damage_signature,
    "name_not_allowed": _rename,
    "sidecar_mismatch": _spoil_sidecar,
}


@pytest.mark.parametrize("code", list(QUARANTINED))
def test_scan_quarantines_and_imports_the_next_when_a_bundle_is_refused(
    peer: Peer, receiver: RowsReceiver, received: str, settings: Any, code: str
) -> None:
    QUARANTINED[code](peer, received)
    ids, lines = _lines(received)
    peer.write(received, lines)
    outcomes = scan_imports(actor=SYSTEM, patient=False)
    assert sorted((each.outcome, each.code) for each in outcomes) == [("completed", None), ("quarantined", code)]
    assert receiver.arrived() == set(ids)
    row = quarantined().get()
    assert (row.code, row.held_at) == (code, None)
    place = Path(row.file_path)
    assert place == settings.DATA_DIR / "quarantine" / f"{row.checksum}.enc"
    reason = msgspec.json.decode(place.with_suffix(".reason.json").read_bytes())
    assert (reason["code"], reason["detail"]) == (code, row.error_message)
    assert list((settings.IMPORT_DIR / received).iterdir()) == []


def test_scan_holds_the_bundle_when_a_record_is_unsound(peer: Peer, receiver: RowsReceiver, received: str) -> None:
    written = _write_unsound(peer, received)
    content = written.read_bytes()
    assert scan() == [("quarantined", "bad_record")]
    row = quarantined().get()
    assert row.held_at is not None
    assert receiver.arrived() == set()
    written.write_bytes(content)
    outcome = import_path(path=written, actor=SYSTEM)
    assert (outcome.outcome, outcome.code) == ("duplicate", "duplicate")
    # Its quarantined file is gone: it is forgotten, and judged anew.
    Path(row.file_path).unlink()
    assert import_path(path=written, actor=SYSTEM).outcome == "quarantined"


def _write_unsound(peer: Peer, stream: str, monkey: Any = None) -> Path:
    """A bundle whose signed payload holds a record with a field too many: a sender's bug."""
    from common_apps.transfer.bundle import writer

    line = log_line(stream)[:-1] + b',"extra":1}'
    verify = writer._verify_part
    writer._verify_part = lambda *_: None  # type: ignore[assignment]  # this sender has lost its own check
    try:
        return peer.write(stream, [line]).path
    finally:
        writer._verify_part = verify  # type: ignore[assignment]


def test_scan_reports_conflicts_when_a_known_id_comes_with_other_content(
    peer: Peer, receiver: RowsReceiver, received: str
) -> None:
    ids, lines = _lines(received)
    peer.write(received, lines)
    scan_imports(actor=SYSTEM)
    fresh = new_id()
    peer.write(received, [log_line(received, ids[0]), log_line(received, fresh), lines[1]])
    (outcome,) = scan_imports(actor=SYSTEM)
    assert (outcome.outcome, outcome.code, outcome.is_alarming) == ("completed", "record_conflict", True)
    assert fresh in receiver.arrived()
    row = ImportBatch.objects.get(code="record_conflict")
    assert row.metadata == {"applied": 1, "known": 1, "conflicts": [str(ids[0])]}


def test_scan_alarms_when_a_known_batch_id_comes_with_other_bytes(
    peer: Peer, receiver: RowsReceiver, received: str
) -> None:
    batch_id = new_id()
    peer.write(received, _lines(received)[1], batch_id=batch_id)
    assert scan() == [("completed", None)]
    peer.write(received, _lines(received)[1], batch_id=batch_id)
    assert scan() == [("quarantined", "batch_conflict")]
    assert len(receiver.arrived()) == 2


def _outcomes(found: list[ImportOutcome]) -> dict[str, tuple[str, str | None]]:
    return {each.file: (each.outcome, each.code) for each in found}


def test_scan_ignores_what_is_no_bundle_and_waits_for_sidecars(
    peer: Peer, receiver: RowsReceiver, received: str, settings: Any
) -> None:
    (settings.IMPORT_DIR / "notes.txt").write_text("hello")
    (settings.IMPORT_DIR / "odd \udcff\u202e").write_text("")
    bare = peer.write(received, _lines(received)[1], sidecar=False)
    found = _outcomes(scan_imports(actor=SYSTEM))
    assert found["notes.txt"] == ("ignored", None)
    assert found["odd \\udcff\u202e"] == ("ignored", None)
    assert found[bare.filename] == ("waiting_sidecar", "waiting_sidecar")
    assert (settings.IMPORT_DIR / "notes.txt").exists() and bare.path.exists()
    bare.path.unlink()
    scan_imports(actor=SYSTEM)
    assert not ImportBatch.objects.exists()


def test_scan_quarantines_in_place_when_a_bundles_name_is_no_plain_file(
    peer: Peer, receiver: RowsReceiver, received: str, tmp_path: Path
) -> None:
    written = peer.write(received, _lines(received)[1])
    elsewhere = tmp_path / "elsewhere"
    written.path.rename(elsewhere)
    written.path.symlink_to(elsewhere)
    assert scan() == [("quarantined", "not_regular")]
    assert scan() == [("quarantined", "not_regular")]
    assert written.path.is_symlink()
    assert ImportBatch.objects.get().met_count == 2


def test_scan_ignores_a_bundle_of_this_site_when_it_comes_back(
    peer: Peer, sender: Any, sent: str, settings: Any
) -> None:
    from common_apps.transfer.services import export_stream

    sender.add()
    export_stream(stream=sent, actor=SYSTEM)
    for path in (settings.EXPORT_DIR / sent).iterdir():
        (settings.IMPORT_DIR / path.name).write_bytes(path.read_bytes())
    assert scan() == [("ignored", None)]


def test_scan_waits_for_data_until_a_file_unlike_its_sidecar_has_settled(
    peer: Peer, receiver: RowsReceiver, received: str, time_machine: Any
) -> None:
    time_machine.move_to("2026-11-23T12:00:00Z", tick=False)
    written = peer.write(received, _lines(received)[1])
    content = written.path.read_bytes()
    written.path.write_bytes(content[:-200])
    assert scan() == [("waiting_data", "waiting_data")]
    time_machine.shift(11)
    written.path.write_bytes(content[:-100])
    assert scan() == [("waiting_data", "waiting_data")]
    time_machine.shift(5)
    assert scan() == [("waiting_data", "waiting_data")]
    time_machine.shift(6)
    assert scan() == [("quarantined", "truncated")]
    written.path.write_bytes(content)
    peer_sidecar = written.path.with_name(written.filename + ".meta.json")
    from common_apps.transfer.bundle.sidecar import encode_sidecar

    peer_sidecar.write_bytes(encode_sidecar(written.sidecar))
    assert scan() == [("completed", None)]
