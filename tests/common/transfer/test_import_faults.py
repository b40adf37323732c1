"""Faults of this site's own, of its database, disk and folders: nothing is lost, and no file keeps the next waiting."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection

from common_apps.audit.actors import SYSTEM
from common_apps.audit.models import AuditLog
from common_apps.core.errors import DomainError
from common_apps.transfer.bundle.limits import Limits
from common_apps.transfer.errors import TransferNotReadyError
from common_apps.transfer.folders import site_folders
from common_apps.transfer.models import ImportBatch
from common_apps.transfer.services import applying, export_stream, intake, scan_imports, settling
from tests.common.transfer.kit import Peer, RowsReceiver, log_line, scan


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
    assert scan() == [("completed", None)]


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
    assert scan() == [("completed", None)]
    assert left == [] and len(receiver.arrived()) == 1


def test_scan_holds_when_the_database_refuses_what_a_record_says(
    peer: Peer, receiver: RowsReceiver, received: str
) -> None:
    def refuse() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 'x'::int")

    receiver.before = refuse
    peer.write(received, [log_line(received)])
    assert scan() == [("quarantined", "bad_record")]
    assert ImportBatch.objects.get().held_at is not None


def test_scan_goes_on_when_one_file_meets_a_fault_of_our_own(peer: Peer, receiver: RowsReceiver, received: str) -> None:
    def fault() -> None:
        receiver.before = None
        raise ZeroDivisionError

    receiver.before = fault
    peer.write(received, [log_line(received)])
    peer.write(received, [log_line(received)])
    assert scan() == [("postponed", "internal_error"), ("completed", None)]
    assert scan() == [("completed", None)]


def test_scan_postpones_when_the_disk_is_full(peer: Peer, receiver: RowsReceiver, received: str) -> None:
    written = peer.write(received, [log_line(received)])
    assert scan(limits=Limits(free_disk_factor=10**12)) == [("postponed", "disk_full")]
    assert written.path.exists() and not ImportBatch.objects.exists()
    assert scan() == [("completed", None)]


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
    assert scan() == [("duplicate", "duplicate") if committed else ("completed", None)]
    assert len(receiver.arrived()) == 1
    assert not written.path.exists()
    assert (site_folders().imported / f"{written.checksum}.enc").is_file()


def test_scan_takes_up_the_copy_that_a_dead_importer_left(peer: Peer, receiver: RowsReceiver, received: str) -> None:
    written = peer.write(received, [log_line(received)])
    content = written.path.read_bytes()
    assert scan() == [("completed", None)]
    folders = site_folders()
    archived = folders.imported / f"{written.checksum}.enc"
    archived.rename(folders.incoming / archived.name)
    (folders.incoming / ".half.part").write_bytes(b"half")
    peer.write(received, [log_line(received)])
    assert scan() == [("completed", None)]
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


def test_scan_refuses_when_import_dir_is_not_there(peer: Peer, db: None, settings: Any) -> None:
    Path(settings.IMPORT_DIR).rmdir()
    with pytest.raises(TransferNotReadyError, match="IMPORT_DIR"):
        scan_imports(actor=SYSTEM)


def test_scan_postpones_when_there_is_no_room_for_the_quarantine(
    peer: Peer, receiver: RowsReceiver, received: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    written = peer.write(received, [log_line(received)])
    written.path.write_bytes(written.path.read_bytes()[:-1])
    with monkeypatch.context() as patch:
        patch.setattr(settling, "replace_atomically", full)
        assert scan(patient=False) == [("postponed", "disk_full")]
    assert written.path.exists() and not ImportBatch.objects.exists()
    assert scan(patient=False) == [("quarantined", "truncated")]


def _nothing_leaves(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """As in a shared folder with the sticky bit, among files of other owners."""
    unlink = Path.unlink

    def refuse(self: Path, missing_ok: bool = False) -> None:
        if folder in self.parents:
            raise PermissionError(1, "Operation not permitted", str(self))
        unlink(self, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)


def _audited() -> dict[str, int]:
    return dict(Counter(AuditLog.objects.values_list("action", flat=True)))


def test_scan_tells_once_when_what_is_settled_can_not_leave_import_dir(
    peer: Peer, receiver: RowsReceiver, received: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer.tell(seq=20)
    assert scan() == [("completed", None)]
    _nothing_leaves(monkeypatch, settings.IMPORT_DIR)
    peer.write(received, [log_line(received)])
    peer.tell(seq=19)
    damaged = peer.write(received, [log_line(received)])
    damaged.path.write_bytes(damaged.path.read_bytes()[:-1])
    first = sorted(scan(patient=False), key=str)
    assert first == [("completed", None), ("dropped", "rolled_back"), ("quarantined", "truncated")]
    audited = _audited()
    assert (audited["bundle.dropped"], audited["bundle.quarantined"]) == (1, 1)
    for _ in range(2):
        again = sorted(scan(patient=False), key=str)
        assert again == [("dropped", "rolled_back"), ("duplicate", "duplicate"), ("quarantined", "truncated")]
    assert _audited() == audited
    assert len(receiver.arrived()) == 1


def test_scan_says_so_when_something_of_its_own_is_missing(
    peer: Peer, receiver: RowsReceiver, received: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(**_: Any) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    peer.write(received, [log_line(received)])
    with monkeypatch.context() as patch:
        patch.setattr(intake, "apply_bundle", missing)
        assert scan() == [("postponed", "internal_error")]
    assert scan() == [("completed", None)]


def test_scan_goes_on_when_an_app_refuses_a_bundle_in_its_own_words(
    peer: Peer, receiver: RowsReceiver, received: str
) -> None:
    def refuse() -> None:
        receiver.before = None
        raise DomainError("replica_read_only", "not here")

    receiver.before = refuse
    peer.write(received, [log_line(received)])
    peer.write(received, [log_line(received)])
    assert scan() == [("postponed", "internal_error"), ("completed", None)]


def test_scan_goes_on_when_a_folder_can_not_be_read(
    peer: Peer, receiver: RowsReceiver, received: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = settings.IMPORT_DIR / "usage"
    locked.mkdir()
    peer.write(received, [log_line(received)])
    scandir = os.scandir

    def refuse(path: Any) -> Any:
        if Path(path) == locked:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert sorted(scan()) == [("completed", None), ("postponed", "internal_error")]
