"""What is told by rules beside the bytes: keys, schemas, and whose stream it is."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from common_apps.audit.actors import SYSTEM
from common_apps.transfer.bundle import writer
from common_apps.transfer.bundle.limits import Limits
from common_apps.transfer.folders import site_folders
from common_apps.transfer.models import ImportBatch
from common_apps.transfer.services import import_path, scan_imports
from tests.common.transfer.kit import Peer, RowsReceiver, log_line, remove_with_sidecar, scan


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
    assert scan() == [("quarantined", "untrusted_signer")]


def test_scan_quarantines_when_the_peer_may_not_write_the_stream(
    peer: Peer, receiver: RowsReceiver, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _careless(monkeypatch):
        peer.write(sent, [log_line(sent)])
    assert scan() == [("quarantined", "stream_not_allowed")]
    assert ImportBatch.objects.get().source_batch_id is None


def test_scan_refuses_all_when_nobody_is_trusted(
    peer: Peer, receiver: RowsReceiver, received: str, settings: Any
) -> None:
    peer.write(received, [log_line(received)])
    (Path(settings.KEY_DIR) / "trust.json").unlink()
    assert scan() == [("quarantined", "bad_signature")]


def test_scan_waits_when_the_schema_is_newer_and_applies_nothing(
    peer: Peer, receiver: RowsReceiver, received: str
) -> None:
    written = peer.write(received, [log_line(received)], schema=2)
    assert scan() == [("waiting_schema", "waiting_schema")]
    assert scan() == [("waiting_schema", "waiting_schema")]
    assert written.path.exists() and receiver.arrived() == set()
    assert ImportBatch.objects.get().met_count == 2


def test_scan_drops_when_the_key_is_retired(peer: Peer, receiver: RowsReceiver, received: str, settings: Any) -> None:
    peer.write(received, [log_line(received)])
    file = Path(settings.KEY_DIR) / "box" / "v1.json"
    content = json.loads(file.read_text())
    file.unlink()
    file.write_text(json.dumps(content | {"status": "retired"}))
    file.chmod(0o400)
    assert scan() == [("dropped", "unknown_key")]


def test_scan_lists_what_is_too_large_and_leaves_it(peer: Peer, receiver: RowsReceiver, received: str) -> None:
    written = peer.write(received, [log_line(received)])
    assert scan(limits=Limits(file=100)) == [("quarantined", "too_large")]
    assert written.path.exists()


def test_import_path_refuses_when_there_is_no_such_file(peer: Peer, db: None, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="There is no file"):
        import_path(path=tmp_path / "nothing", actor=SYSTEM)


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
    assert scan() == [("waiting_schema", "waiting_schema")]
    remove_with_sidecar(written.path)
    assert scan() == []
    assert ImportBatch.objects.get().status == "dropped"


def test_scan_clears_the_quarantine_when_the_same_bytes_come_with_a_right_sidecar(
    peer: Peer, receiver: RowsReceiver, received: str
) -> None:
    written = peer.write(received, [log_line(received)])
    content = written.path.read_bytes()
    sidecar = written.path.with_name(f"{written.filename}.meta.json")
    right = sidecar.read_bytes()
    sidecar.write_bytes(right.replace(b'"record_count": 1', b'"record_count": 2'))
    assert scan() == [("quarantined", "sidecar_mismatch")]
    assert len(list(site_folders().quarantine.iterdir())) == 2
    written.path.write_bytes(content)
    sidecar.write_bytes(right)
    assert scan() == [("completed", None)]
    assert list(site_folders().quarantine.iterdir()) == []
    assert ImportBatch.objects.get().status == "completed"


def test_import_takes_a_file_from_a_folder_whose_name_is_no_utf8(
    peer: Peer, receiver: RowsReceiver, received: str, tmp_path: Path
) -> None:
    written = peer.write(received, [log_line(received)], directory=tmp_path / "st\udcffck", schema=2)
    assert import_path(path=written.path, actor=SYSTEM).outcome == "waiting_schema"
    assert ImportBatch.objects.get().file_path.endswith(f"st\\udcffck/{written.filename}")
    odd = tmp_path / "od\udcffd"
    odd.write_bytes(b"")
    assert import_path(path=odd, actor=SYSTEM).file == "od\\udcffd"


def test_import_remembers_where_a_waiting_file_lies_when_the_path_is_relative(
    peer: Peer, receiver: RowsReceiver, received: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = peer.write(received, [log_line(received)], directory=tmp_path / "stick", schema=2)
    with monkeypatch.context() as patch:
        patch.chdir(tmp_path)
        assert import_path(path=Path("stick") / written.filename, actor=SYSTEM).outcome == "waiting_schema"
    # The watcher works elsewhere, and must not take it for gone.
    assert scan() == []
    assert ImportBatch.objects.get().status == "waiting_schema"
