"""Files that are moved between folders, and between file systems."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from common_apps.audit.actors import SYSTEM
from common_apps.transfer.folders import move_durably, site_folders
from common_apps.transfer.services import intake, scan_imports
from tests.common.transfer.kit import Peer, RowsReceiver, log_line


def test_move_copies_when_the_target_lies_on_another_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "a", tmp_path / "far" / "b"
    source.write_bytes(b"content")
    rename = Path.rename

    def across(self: Path, other: Path) -> Any:
        if self == source:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(self, other)

    monkeypatch.setattr(Path, "rename", across)
    move_durably(source, target)
    assert target.read_bytes() == b"content"
    assert not source.exists() and [path.name for path in target.parent.iterdir()] == ["b"]


def test_move_raises_when_the_rename_fails_otherwise(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        move_durably(tmp_path / "nothing", tmp_path / "b")


@pytest.mark.parametrize("kind", ["link", "folder", "nonsense"])
def test_scan_quarantines_when_the_sidecar_can_not_be_read(
    peer: Peer, receiver: RowsReceiver, received: str, kind: str
) -> None:
    written = peer.write(received, [log_line(received)])
    sidecar = written.path.with_name(f"{written.filename}.meta.json")
    right = sidecar.read_bytes()
    sidecar.unlink()
    if kind == "link":
        elsewhere = written.path.parent.parent / "elsewhere"
        elsewhere.write_bytes(right)
        sidecar.symlink_to(elsewhere)
    elif kind == "folder":
        sidecar.mkdir()
    else:
        sidecar.write_bytes(b"{")
    waiting = [(each.outcome, each.code) for each in scan_imports(actor=SYSTEM)]
    assert ("waiting_data", "waiting_data") in waiting
    judged = [(each.outcome, each.code) for each in scan_imports(actor=SYSTEM, patient=False)]
    assert ("quarantined", "sidecar_mismatch") in judged
    assert not written.path.exists() and receiver.arrived() == set()


def test_scan_goes_on_when_one_file_can_not_be_read(
    peer: Peer, receiver: RowsReceiver, received: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = peer.write(received, [log_line(received)])
    peer.write(received, [log_line(received)])
    copy = intake.take_copy

    def sector(path: Path, *others: Any) -> Any:
        if path == bad.path:
            raise OSError(errno.EIO, "Input/output error")
        return copy(path, *others)

    with monkeypatch.context() as patch:
        patch.setattr(intake, "take_copy", sector)
        found = {each.file: (each.outcome, each.code) for each in scan_imports(actor=SYSTEM)}
    assert found.pop(bad.filename) == ("postponed", "internal_error")
    assert list(found.values()) == [("completed", None)]
    assert [each.outcome for each in scan_imports(actor=SYSTEM)] == ["completed"]


def test_folders_under_data_dir_are_closed_to_others(peer: Peer, receiver: RowsReceiver, received: str) -> None:
    before = os.umask(0o022)
    try:
        bad = peer.write(received, [log_line(received)])
        bad.path.write_bytes(bad.path.read_bytes()[:-1])
        peer.write(received, [log_line(received)])
        scan_imports(actor=SYSTEM, patient=False)
    finally:
        os.umask(before)
    data = site_folders().data
    found = {path.relative_to(data): stat.S_IMODE(path.stat().st_mode) for path in data.rglob("*")}
    assert {mode for path, mode in found.items() if (data / path).is_dir()} == {0o700}
    assert sorted(mode for path, mode in found.items() if (data / path).is_file()) == [0o600] * 3
