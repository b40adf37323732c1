"""What an operator does with the quarantine: released, discarded, judged anew, each told to the other site as it is."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings

from common_apps.audit.actors import SYSTEM, Actor
from common_apps.audit.models import AuditLog
from common_apps.core.errors import DomainError
from common_apps.core.failpoints import Crash, arm, disarm
from common_apps.transfer.bundle import writer
from common_apps.transfer.bundle.limits import Limits
from common_apps.transfer.bundle.records import Batch
from common_apps.transfer.choices import ImportStatus
from common_apps.transfer.folders import site_folders
from common_apps.transfer.keys import KeyFolder
from common_apps.transfer.models import AppliedState, ImportBatch
from common_apps.transfer.selectors import quarantined
from common_apps.transfer.services import export_stream, import_path
from common_apps.transfer.services.key_changes import rotate_box_key
from common_apps.transfer.services.quarantine import discard, import_again, release_held
from tests.common.transfer.kit import NOON, Peer, RowsReceiver, log_line, pass_days, scan

OLGA = Actor(user_id=UUID(int=7), ip_address="192.0.2.7", user_agent="test")


STRICTER = Limits(log_records=1)


@pytest.fixture
def held(peer: Peer, receiver: RowsReceiver, received: str) -> ImportBatch:
    """A bundle that is held: it has two records, and this site took one at most when it came."""
    written = peer.write(received, [log_line(received), log_line(received)])
    assert scan(limits=STRICTER) == [("quarantined", "too_many_records")]
    row = ImportBatch.objects.get()
    assert row.held_at is not None and row.source_batch_id == written.batch_id
    return row


def _refused(peer: Peer, stream: str) -> ImportBatch:
    """A bundle signed with a key that nobody here trusts."""
    stranger = KeyFolder(Path(settings.DATA_DIR).parent / "stranger")
    stranger.generate(site=peer.site, created_at=NOON)
    peer.write(stream, [log_line(stream)], signing=stranger.signing_key())
    assert scan() == [("quarantined", "bad_signature")]
    return ImportBatch.objects.get()


def _listed(peer: Peer) -> dict[UUID, tuple[str, str | None]]:
    """What this site's holdings tell of the peer's bundles."""
    export_stream(stream="holdings", actor=SYSTEM, full=True)
    paths = (Path(settings.EXPORT_DIR) / "holdings").glob("*.enc")
    newest = max((peer.read(path) for path in paths), key=lambda found: found[0].seq)
    told: dict[UUID, tuple[str, str | None]] = {}
    for line in newest[1]:
        if isinstance(line, Batch):
            told[line.batch_id] = (line.outcome, line.code)
        elif type(line).__name__ == "Applied":
            told |= dict.fromkeys(map(UUID, line.batch_ids), ("applied", None))
    return told


def _audited() -> list[tuple[str, UUID | None]]:
    return list(AuditLog.objects.order_by("id").values_list("action", "user_id"))


def _lying() -> list[str]:
    return sorted(path.name for path in site_folders().quarantine.iterdir())


# released


def test_release_applies_once_and_tells_so_when_nothing_is_wrong_any_more(
    held: ImportBatch, peer: Peer, receiver: RowsReceiver
) -> None:
    assert held.source_batch_id is not None
    assert _listed(peer)[held.source_batch_id] == ("held", "too_many_records")
    outcome = release_held(row_id=held.pk, actor=OLGA)
    assert (outcome.outcome, outcome.code, outcome.file) == ("completed", None, held.filename)
    assert len(receiver.arrived()) == 2 and len(receiver.woken) == 1
    held.refresh_from_db()
    assert (held.status, held.code, held.held_at, held.error_message) == ("completed", None, None, "")
    assert held.file_path == str(site_folders().imported / f"{held.checksum}.enc")
    assert Path(held.file_path).is_file() and _lying() == []
    assert _listed(peer)[held.source_batch_id] == ("applied", None)
    assert ("bundle.released", OLGA.user_id) in _audited()


def test_release_drops_it_and_has_it_sent_again_when_its_key_is_gone(
    peer: Peer, receiver: RowsReceiver, received: str
) -> None:
    kept = Path(settings.KEY_DIR).parent / "kept"
    shutil.copytree(settings.KEY_DIR, kept)
    key = rotate_box_key(actor=SYSTEM).box
    peer.write(received, [log_line(received), log_line(received)], recipient=key)
    assert scan(limits=STRICTER) == [("quarantined", "too_many_records")]
    row = ImportBatch.objects.get()
    assert row.source_batch_id in _listed(peer)
    # An older key folder is put back.
    shutil.rmtree(settings.KEY_DIR)
    shutil.copytree(kept, settings.KEY_DIR)
    outcome = release_held(row_id=row.pk, actor=OLGA)
    assert (outcome.outcome, outcome.code) == ("dropped", "waiting_key")
    assert "comes again" in outcome.detail
    row.refresh_from_db()
    assert (row.status, row.code, row.held_at) == ("dropped", "waiting_key", None)
    assert row.source_batch_id not in _listed(peer), "its sender is told to write it anew"
    assert _lying() == [] and not receiver.arrived()
    assert ("bundle.dropped", OLGA.user_id) in _audited()


def test_release_keeps_it_held_with_its_reason_when_it_is_still_wrong(
    held: ImportBatch, peer: Peer, receiver: RowsReceiver
) -> None:
    assert held.source_batch_id is not None
    outcome = release_held(row_id=held.pk, actor=OLGA, limits=STRICTER)
    assert (outcome.outcome, outcome.code) == ("quarantined", "too_many_records")
    before = held.held_at
    held.refresh_from_db()
    assert (held.status, held.held_at) == ("failed", before)
    assert receiver.arrived() == set() and len(_lying()) == 2
    assert _listed(peer)[held.source_batch_id] == ("held", "too_many_records")
    last = AuditLog.objects.get(action="bundle.judged_again")
    assert (last.user_id, last.metadata["outcome"]) == (OLGA.user_id, "quarantined")


def test_release_keeps_it_held_when_its_signer_is_not_trusted_any_more(
    held: ImportBatch, peer: Peer, receiver: RowsReceiver
) -> None:
    (Path(settings.KEY_DIR) / "trust.json").unlink()
    outcome = release_held(row_id=held.pk, actor=OLGA)
    assert (outcome.outcome, outcome.code) == ("quarantined", "bad_signature")
    held.refresh_from_db()
    assert held.held_at is not None and receiver.arrived() == set()
    assert [path for path in _lying() if path.endswith(".enc")] == [f"{held.checksum}.enc"]


def test_release_forgets_it_when_the_disk_has_lost_its_bytes(
    held: ImportBatch, peer: Peer, receiver: RowsReceiver, received: str
) -> None:
    assert held.source_batch_id is not None
    file = site_folders().quarantine / f"{held.checksum}.enc"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(DomainError, match="comes again"):
        release_held(row_id=held.pk, actor=OLGA)
    held.refresh_from_db()
    assert held.status == "dropped" and held.held_at is None and _lying() == []
    assert held.source_batch_id not in _listed(peer)


@pytest.mark.parametrize("act", [release_held, import_again])
def test_row_is_refused_when_it_is_unknown_or_settled(
    peer: Peer, receiver: RowsReceiver, received: str, act: Any
) -> None:
    with pytest.raises(DomainError) as unknown:
        act(row_id=uuid4(), actor=OLGA)
    assert unknown.value.code == "not_found"
    peer.write(received, [log_line(received)])
    assert scan() == [("completed", None)]
    with pytest.raises(DomainError) as settled:
        act(row_id=ImportBatch.objects.get().pk, actor=OLGA)
    assert settled.value.code == "conflict"
    with pytest.raises(DomainError, match="does not lie in quarantine"):
        discard(row_id=ImportBatch.objects.get().pk, actor=OLGA, reason="no")


def test_release_is_refused_when_the_file_was_never_held(peer: Peer, receiver: RowsReceiver, received: str) -> None:
    row = _refused(peer, received)
    with pytest.raises(DomainError, match="is not held"):
        release_held(row_id=row.pk, actor=OLGA)


def test_import_again_is_refused_when_the_bundle_is_held(held: ImportBatch) -> None:
    with pytest.raises(DomainError, match="release it, or discard it"):
        import_again(row_id=held.pk, actor=OLGA)


# discarded


def test_discard_remembers_and_tells_it_when_it_was_held(
    held: ImportBatch, peer: Peer, receiver: RowsReceiver, received: str
) -> None:
    assert held.source_batch_id is not None
    bytes_of_it = (site_folders().quarantine / f"{held.checksum}.enc").read_bytes()
    # It lay here for longer than an applied one is told of.
    pass_days(200)
    discard(row_id=held.pk, actor=OLGA, reason=" sent by mistake ")
    held.refresh_from_db()
    assert (held.status, held.code) == ("failed", "too_many_records") and held.discarded_at is not None
    assert _lying() == [] and not quarantined().exists() and held.metadata["discarded"] == "sent by mistake"
    assert _listed(peer)[held.source_batch_id] == ("discarded", "too_many_records")
    last = AuditLog.objects.get(action="bundle.discarded")
    assert (last.user_id, last.metadata["reason"], last.metadata["held"]) == (OLGA.user_id, "sent by mistake", True)
    again = Path(settings.IMPORT_DIR) / held.filename
    again.write_bytes(bytes_of_it)
    assert import_path(path=again, actor=SYSTEM).outcome == "duplicate"
    assert receiver.arrived() == set()


def test_discard_forgets_it_when_it_was_never_held(peer: Peer, receiver: RowsReceiver, received: str) -> None:
    row = _refused(peer, received)
    content = (site_folders().quarantine / f"{row.checksum}.enc").read_bytes()
    discard(row_id=row.pk, actor=OLGA, reason="forged")
    row.refresh_from_db()
    assert (row.status, row.code, row.discarded_at) == ("dropped", "bad_signature", None)
    assert _lying() == [] and _listed(peer) == {}
    again = Path(settings.IMPORT_DIR) / row.filename
    again.write_bytes(content)
    assert import_path(path=again, actor=SYSTEM).code == "bad_signature"
    row.refresh_from_db()
    assert row.status == "failed" and "discarded" not in row.metadata


def test_discard_leaves_a_state_refused_when_it_was_held(
    peer: Peer, tables: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = "holdings"
    with monkeypatch.context() as patch:
        patch.setattr(writer, "_verify_part", lambda *_: None)
        written = peer.write(stream, [b"{}"], seq=7, hello=peer.hello())
    assert scan() == [("quarantined", "bad_record")]
    discard(row_id=ImportBatch.objects.get().pk, actor=OLGA, reason="broken")
    state = AppliedState.objects.get(stream=stream)
    assert (state.refused_seq, state.refused_batch_id, state.refused_code) == (7, written.batch_id, "bad_record")


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_discard_is_refused_when_no_reason_is_given(held: ImportBatch, reason: str) -> None:
    with pytest.raises(DomainError) as refused:
        discard(row_id=held.pk, actor=OLGA, reason=reason)
    assert refused.value.code == "validation_failed" and quarantined().exists()


def test_discard_removes_what_could_not_be_read_when_it_lies_in_import_dir(
    peer: Peer, receiver: RowsReceiver, received: str, tmp_path: Path
) -> None:
    written = peer.write(received, [log_line(received)])
    target = tmp_path / "elsewhere"
    written.path.rename(target)
    written.path.symlink_to(target)
    assert scan() == [("quarantined", "not_regular")]
    discard(row_id=ImportBatch.objects.get().pk, actor=OLGA, reason="a link")
    assert not os.path.lexists(written.path) and target.is_file()
    assert scan() == []


def test_discard_leaves_the_stick_alone_when_the_file_lies_there(
    peer: Peer, receiver: RowsReceiver, received: str, tmp_path: Path
) -> None:
    written = peer.write(received, [log_line(received)], directory=tmp_path / "stick")
    outcome = import_path(path=written.path, actor=SYSTEM, limits=Limits(file=100))
    assert outcome.code == "too_large"
    discard(row_id=ImportBatch.objects.get().pk, actor=OLGA, reason="too large")
    assert written.path.is_file() and ImportBatch.objects.get().status == "dropped"


# judged anew


def test_import_again_applies_when_the_key_is_trusted_meanwhile(
    peer: Peer, receiver: RowsReceiver, received: str
) -> None:
    trust = Path(settings.KEY_DIR) / "trust.json"
    kept = trust.read_bytes()
    trust.unlink()
    peer.write(received, [log_line(received)])
    assert scan() == [("quarantined", "bad_signature")]
    row = ImportBatch.objects.get()
    assert import_again(row_id=row.pk, actor=OLGA).code == "bad_signature"
    assert len(_lying()) == 2
    trust.write_bytes(kept)
    trust.chmod(0o400)
    assert import_again(row_id=row.pk, actor=OLGA).outcome == "completed"
    assert len(receiver.arrived()) == 1 and _lying() == []
    assert ImportBatch.objects.get().pk == row.pk
    assert ("bundle.imported", OLGA.user_id) in _audited()


def test_import_again_needs_neither_sidecar_nor_name_when_it_lies_in_quarantine(
    peer: Peer, receiver: RowsReceiver, received: str
) -> None:
    wrong_sidecar = peer.write(received, [log_line(received)])
    wrong_sidecar.path.with_name(f"{wrong_sidecar.filename}.meta.json").write_bytes(b"{}")
    wrong_name = peer.write(received, [log_line(received)])
    renamed = wrong_name.path.with_name(wrong_name.filename.replace("_20261123_", "_20251123_"))
    wrong_name.path.rename(renamed)
    wrong_name.path.with_name(f"{wrong_name.filename}.meta.json").rename(f"{renamed}.meta.json")
    found = sorted(str(code) for _, code in scan(patient=False))
    assert found == ["name_not_allowed", "sidecar_mismatch"]
    for row in list(quarantined()):
        assert import_again(row_id=row.pk, actor=OLGA).outcome == "completed"
    assert len(receiver.arrived()) == 2 and _lying() == [] and scan() == []


def test_import_again_judges_a_waiting_file_where_it_lies(peer: Peer, receiver: RowsReceiver, received: str) -> None:
    written = peer.write(received, [log_line(received)])
    content = written.path.read_bytes()
    written.path.write_bytes(content[:-1])
    assert scan() == [("waiting_data", "waiting_data")]
    written.path.write_bytes(content)
    outcome = import_again(row_id=ImportBatch.objects.get().pk, actor=OLGA)
    assert outcome.outcome == "completed" and not written.path.exists()
    assert ImportBatch.objects.count() == 1 and len(receiver.arrived()) == 1


def test_import_again_judges_a_dropped_file_when_it_is_still_there(
    peer: Peer, receiver: RowsReceiver, received: str, tmp_path: Path
) -> None:
    written = peer.write(received, [log_line(received)], directory=tmp_path / "stick")
    file = Path(settings.KEY_DIR) / "box" / "v1.json"
    active = file.read_bytes()
    file.unlink()
    file.write_text(json.dumps(json.loads(active) | {"status": "retired"}))
    file.chmod(0o400)
    assert import_path(path=written.path, actor=SYSTEM).outcome == "dropped"
    file.unlink()
    file.write_bytes(active)
    file.chmod(0o400)
    assert import_again(row_id=ImportBatch.objects.get().pk, actor=OLGA).outcome == "completed"
    assert written.path.is_file() and len(receiver.arrived()) == 1


def test_import_again_says_so_when_the_file_is_gone(peer: Peer, receiver: RowsReceiver, received: str) -> None:
    row = _refused(peer, received)
    for path in site_folders().quarantine.iterdir():
        path.unlink()
    with pytest.raises(DomainError, match="not there any more"):
        import_again(row_id=row.pk, actor=OLGA)
    discard(row_id=row.pk, actor=OLGA, reason="gone")
    assert not quarantined().exists()


def test_import_again_leaves_it_in_quarantine_when_its_key_is_not_here(
    peer: Peer, receiver: RowsReceiver, received: str
) -> None:
    written = peer.write(received, [log_line(received)])
    written.path.with_name(f"{written.filename}.meta.json").write_bytes(b"{}")
    assert scan(patient=False) == [("quarantined", "sidecar_mismatch")]
    box = Path(settings.KEY_DIR) / "box" / "v1.json"
    box.rename(box.with_name("away"))
    KeyFolder(settings.KEY_DIR)
    row = ImportBatch.objects.get()
    found = import_again(row_id=row.pk, actor=OLGA).outcome
    box.with_name("away").rename(box)
    row.refresh_from_db()
    assert (found, row.status, row.code) == ("waiting_key", "failed", "sidecar_mismatch")
    assert import_again(row_id=row.pk, actor=OLGA).outcome == "completed"


# crashes


@pytest.fixture
def unarmed() -> Any:
    yield
    disarm()


RELEASING = [
    "import.copied",
    "import.verified",
    "import.entering",
    "import.committed",
    "import.woken",
    "import.archived",
    "quarantine.removing",
]


@pytest.mark.parametrize("point", RELEASING)
def test_release_applies_once_when_it_was_broken_off(
    held: ImportBatch, peer: Peer, receiver: RowsReceiver, unarmed: Any, point: str
) -> None:
    assert held.source_batch_id is not None
    arm(f"{point}=crash")
    with pytest.raises(Crash):
        release_held(row_id=held.pk, actor=OLGA)
    disarm()
    assert scan() == []
    row = ImportBatch.objects.get()
    if row.status == ImportStatus.FAILED:
        assert row.held_at is not None and len(_lying()) == 2 and receiver.arrived() == set()
        assert _listed(peer)[held.source_batch_id] == ("held", "too_many_records")
        assert release_held(row_id=held.pk, actor=OLGA).outcome == "completed"
    assert ImportBatch.objects.get().status == "completed"
    assert len(receiver.arrived()) == 2 and _lying() == []
    assert list(site_folders().incoming.iterdir()) == []
    assert _listed(peer)[held.source_batch_id] == ("applied", None)


@pytest.mark.parametrize("point", ["import.quarantining", "import.quarantined"])
def test_release_keeps_it_held_when_it_was_broken_off_while_refused_again(
    held: ImportBatch, receiver: RowsReceiver, unarmed: Any, point: str
) -> None:
    arm(f"{point}=crash")
    with pytest.raises(Crash):
        release_held(row_id=held.pk, actor=OLGA, limits=STRICTER)
    disarm()
    assert scan() == [] and len(_lying()) == 2
    assert release_held(row_id=held.pk, actor=OLGA).outcome == "completed"
    assert len(receiver.arrived()) == 2


@pytest.mark.parametrize("point", ["quarantine.discarded", "quarantine.removing"])
def test_discard_of_a_held_bundle_is_finished_when_it_was_broken_off(
    held: ImportBatch, peer: Peer, unarmed: Any, point: str
) -> None:
    assert held.source_batch_id is not None
    arm(f"{point}=crash")
    with pytest.raises(Crash):
        discard(row_id=held.pk, actor=OLGA, reason="no")
    disarm()
    assert _lying() != []
    assert scan() == [] and _lying() == []
    assert _listed(peer)[held.source_batch_id] == ("discarded", "too_many_records")


@pytest.mark.parametrize("point", ["quarantine.discarding", "quarantine.removing"])
def test_discard_of_a_refused_file_can_be_done_again_when_it_was_broken_off(
    peer: Peer, receiver: RowsReceiver, received: str, unarmed: Any, point: str
) -> None:
    row = _refused(peer, received)
    arm(f"{point}=crash")
    with pytest.raises(Crash):
        discard(row_id=row.pk, actor=OLGA, reason="no")
    disarm()
    assert quarantined().count() == 1
    discard(row_id=row.pk, actor=OLGA, reason="no")
    assert not quarantined().exists() and _lying() == []


@pytest.mark.parametrize("point", ["import.quarantining", "import.quarantined"])
def test_scan_quarantines_once_when_it_was_broken_off(
    peer: Peer, receiver: RowsReceiver, received: str, unarmed: Any, point: str
) -> None:
    written = peer.write(received, [log_line(received)])
    written.path.write_bytes(written.path.read_bytes()[:-1])
    arm(f"{point}=crash")
    with pytest.raises(Crash):
        scan(patient=False)
    disarm()
    assert scan(patient=False) == [("quarantined", "truncated")]
    assert len(_lying()) == 2 and quarantined().count() == 1
