"""What is told by rules beside the bytes: keys, schemas, whose stream it is, and faults of this site's own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection

from common_apps.audit.actors import SYSTEM
from common_apps.transfer.bundle import writer
from common_apps.transfer.bundle.keypairs import BoxKey, Kem
from common_apps.transfer.bundle.limits import Limits
from common_apps.transfer.errors import TransferNotReadyError
from common_apps.transfer.folders import site_folders
from common_apps.transfer.models import DayCounter, ImportBatch
from common_apps.transfer.services import applying, export_stream, import_path, intake, scan_imports, settling
from tests.common.transfer.kit import Peer, RowsReceiver, log_line, remove_with_sidecar


def _scan(**options: Any) -> list[tuple[str, str | None]]:
    return [(each.outcome, each.code) for each in scan_imports(actor=SYSTEM, **options)]


@contextmanager
def _careless(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A sender that doesn't read back what it wrote."""
    with monkeypatch.context() as patch:
        patch.setattr(writer, "_verify_part", lambda *_: None)
        yield


def test_scan_quarantines_when_the_header_names_another_site_than_the_signer(
    peer: Peer, receiver: RowsReceiver, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _careless(monkeypatch):
        peer.write(sent, [log_line(sent)], source=peer.here, destination=peer.site)
    assert _scan() == [("quarantined", "untrusted_signer")]


def test_scan_quarantines_when_the_peer_may_not_write_the_stream(
    peer: Peer, receiver: RowsReceiver, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _careless(monkeypatch):
        peer.write(sent, [log_line(sent)])
    assert _scan() == [("quarantined", "stream_not_allowed")]
    assert ImportBatch.objects.get().source_batch_id is None


def test_scan_refuses_all_when_nobody_is_trusted(
    peer: Peer, receiver: RowsReceiver, received: str, settings: Any
) -> None:
    peer.write(received, [log_line(received)])
    (Path(settings.KEY_DIR) / "trust.json").unlink()
    assert _scan() == [("quarantined", "bad_signature")]


def test_scan_waits_when_the_schema_is_newer_and_applies_nothing(
    peer: Peer, receiver: RowsReceiver, received: str
) -> None:
    written = peer.write(received, [log_line(received)], schema=2)
    assert _scan() == [("waiting_schema", "waiting_schema")]
    assert _scan() == [("waiting_schema", "waiting_schema")]
    assert written.path.exists() and receiver.arrived() == set()
    assert ImportBatch.objects.get().met_count == 2


def test_scan_waits_for_the_key_and_drops_after_thirty_days(peer: Peer, receiver: RowsReceiver, received: str) -> None:
    stranger = BoxKey.generate(version="v9", kem=Kem.X25519).public_key
    written = peer.write(received, [log_line(received)], recipient=stranger)
    assert _scan() == [("waiting_key", "waiting_key")]
    DayCounter.objects.update(days=DayCounter.objects.get().days + 29)
    assert _scan() == [("waiting_key", "waiting_key")]
    DayCounter.objects.update(days=DayCounter.objects.get().days + 1)
    assert _scan() == [("dropped", "waiting_key")]
    assert not written.path.exists()
    # Judged anew whenever it is met.
    peer.write(received, [log_line(received)], recipient=stranger, batch_id=written.batch_id)
    assert _scan() == [("waiting_key", "waiting_key")]


def test_scan_drops_when_the_key_is_retired(peer: Peer, receiver: RowsReceiver, received: str, settings: Any) -> None:
    peer.write(received, [log_line(received)])
    file = Path(settings.KEY_DIR) / "box" / "v1.json"
    content = json.loads(file.read_text())
    file.unlink()
    file.write_text(json.dumps(content | {"status": "retired"}))
    file.chmod(0o400)
    assert _scan() == [("dropped", "unknown_key")]


def test_scan_settles_nothing_when_the_database_goes_away(
    peer: Peer, receiver: RowsReceiver, received: str, settings: Any
) -> None:
    written = peer.write(received, [log_line(received)])

    def cut() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    receiver.before = cut
    with pytest.raises(OperationalError):
        scan_imports(actor=SYSTEM)
    connection.close()
    assert written.path.exists() and not ImportBatch.objects.exists()
    assert list(site_folders().incoming.iterdir()) == []
    receiver.before = None
    assert _scan() == [("completed", None)]


@pytest.mark.parametrize("state", ["40P01", "40001"], ids=["deadlock", "serialization failure"])
def test_scan_tries_again_when_the_transaction_is_chosen_as_a_victim(
    peer: Peer, receiver: RowsReceiver, received: str, state: str
) -> None:
    peer.write(received, [log_line(received)])
    left = [1, 1]

    def victim() -> None:
        if left:
            left.pop()
            with connection.cursor() as cursor:
                cursor.execute(f"DO $$ BEGIN RAISE EXCEPTION 'victim' USING ERRCODE = '{state}'; END $$")

    receiver.before = victim
    assert _scan() == [("completed", None)]
    assert left == [] and len(receiver.arrived()) == 1


def test_scan_holds_when_the_database_refuses_what_a_record_says(
    peer: Peer, receiver: RowsReceiver, received: str
) -> None:
    def refuse() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 'x'::int")

    receiver.before = refuse
    peer.write(received, [log_line(received)])
    assert _scan() == [("quarantined", "bad_record")]
    assert ImportBatch.objects.get().held_at is not None


def test_scan_goes_on_when_one_file_meets_a_fault_of_our_own(peer: Peer, receiver: RowsReceiver, received: str) -> None:
    def fault() -> None:
        receiver.before = None
        raise ZeroDivisionError

    receiver.before = fault
    peer.write(received, [log_line(received)])
    peer.write(received, [log_line(received)])
    assert _scan() == [("postponed", "internal_error"), ("completed", None)]
    assert _scan() == [("completed", None)]


def test_scan_postpones_when_the_disk_is_full(peer: Peer, receiver: RowsReceiver, received: str) -> None:
    written = peer.write(received, [log_line(received)])
    assert _scan(limits=Limits(free_disk_factor=10**12)) == [("postponed", "disk_full")]
    assert written.path.exists() and not ImportBatch.objects.exists()
    assert _scan() == [("completed", None)]


def test_scan_lists_what_is_too_large_and_leaves_it(peer: Peer, receiver: RowsReceiver, received: str) -> None:
    written = peer.write(received, [log_line(received)])
    assert _scan(limits=Limits(file=100)) == [("quarantined", "too_large")]
    assert written.path.exists()


class KilledError(BaseException):
    """As if the process had gone."""


def _die(*_: Any, **__: Any) -> None:
    raise KilledError


STEPS = {
    "before the transaction": (intake, "apply_bundle"),
    "inside the transaction": (applying, "record"),
    "before the archive": (intake, "move_durably"),
    "before it leaves IMPORT_DIR": (intake, "leave_imports"),
}


@pytest.mark.parametrize("step", list(STEPS))
def test_scan_applies_once_when_an_importer_died(
    peer: Peer, receiver: RowsReceiver, received: str, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    written = peer.write(received, [log_line(received)])
    with monkeypatch.context() as patch, pytest.raises(KilledError):
        patch.setattr(*STEPS[step], _die)
        scan_imports(actor=SYSTEM)
    committed = ImportBatch.objects.exists()
    assert _scan() == [("duplicate", "duplicate") if committed else ("completed", None)]
    assert len(receiver.arrived()) == 1
    assert not written.path.exists()
    assert (site_folders().imported / f"{written.checksum}.enc").is_file()


def test_scan_takes_up_the_copy_that_a_dead_importer_left(peer: Peer, receiver: RowsReceiver, received: str) -> None:
    written = peer.write(received, [log_line(received)])
    content = written.path.read_bytes()
    assert _scan() == [("completed", None)]
    folders = site_folders()
    archived = folders.imported / f"{written.checksum}.enc"
    archived.rename(folders.incoming / archived.name)
    (folders.incoming / ".half.part").write_bytes(b"half")
    peer.write(received, [log_line(received)])
    assert _scan() == [("completed", None)]
    assert archived.read_bytes() == content
    assert list(folders.incoming.iterdir()) == []


def _loosen(folder: Path) -> None:
    next((folder / "signing").iterdir()).chmod(0o444)


def _remove(folder: Path) -> None:
    folder.rename(folder.with_name("away"))


@pytest.mark.parametrize("spoil", [_loosen, _remove], ids=["loosely readable", "missing"])
def test_nothing_moves_when_keys_are_missing_or_loosely_readable(
    peer: Peer, receiver: RowsReceiver, sender: Any, sent: str, received: str, settings: Any, spoil: Any
) -> None:
    sender.add()
    written = peer.write(received, [log_line(received)])
    spoil(Path(settings.KEY_DIR))
    with pytest.raises(TransferNotReadyError):
        export_stream(stream=sent, actor=SYSTEM)
    with pytest.raises(TransferNotReadyError):
        scan_imports(actor=SYSTEM)
    assert written.path.exists()
    assert set(sender.states().values()) == {"pending"}


def test_import_path_refuses_when_there_is_no_such_file(peer: Peer, db: None, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="There is no file"):
        import_path(path=tmp_path / "nothing", actor=SYSTEM)


def test_scan_refuses_when_import_dir_is_not_there(peer: Peer, db: None, settings: Any) -> None:
    Path(settings.IMPORT_DIR).rmdir()
    with pytest.raises(TransferNotReadyError, match="IMPORT_DIR"):
        scan_imports(actor=SYSTEM)


def test_two_importers_apply_each_bundle_once(peer: Peer, receiver: RowsReceiver, received: str) -> None:
    for _ in range(6):
        peer.write(received, [log_line(received)])
    start = threading.Barrier(2)
    found: list[str] = []

    def run() -> None:
        start.wait()
        try:
            found.extend(each.outcome for each in scan_imports(actor=SYSTEM))
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.count("completed") == 6 and set(found) == {"completed"}
    assert len(receiver.arrived()) == 6


def test_scan_drops_the_row_when_a_waiting_file_is_taken_away(
    peer: Peer, receiver: RowsReceiver, received: str
) -> None:
    written = peer.write(received, [log_line(received)], schema=2)
    assert _scan() == [("waiting_schema", "waiting_schema")]
    remove_with_sidecar(written.path)
    assert _scan() == []
    assert ImportBatch.objects.get().status == "dropped"


def test_scan_clears_the_quarantine_when_the_same_bytes_come_with_a_right_sidecar(
    peer: Peer, receiver: RowsReceiver, received: str
) -> None:
    written = peer.write(received, [log_line(received)])
    content = written.path.read_bytes()
    sidecar = written.path.with_name(f"{written.filename}.meta.json")
    right = sidecar.read_bytes()
    sidecar.write_bytes(right.replace(b'"record_count": 1', b'"record_count": 2'))
    assert _scan() == [("quarantined", "sidecar_mismatch")]
    assert len(list(site_folders().quarantine.iterdir())) == 2
    written.path.write_bytes(content)
    sidecar.write_bytes(right)
    assert _scan() == [("completed", None)]
    assert list(site_folders().quarantine.iterdir()) == []
    assert ImportBatch.objects.get().status == "completed"


def test_scan_postpones_when_there_is_no_room_for_the_quarantine(
    peer: Peer, receiver: RowsReceiver, received: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    written = peer.write(received, [log_line(received)])
    written.path.write_bytes(written.path.read_bytes()[:-1])
    with monkeypatch.context() as patch:
        patch.setattr(settling, "replace_atomically", full)
        assert _scan(patient=False) == [("postponed", "disk_full")]
    assert written.path.exists() and not ImportBatch.objects.exists()
    assert _scan(patient=False) == [("quarantined", "truncated")]
