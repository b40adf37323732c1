"""The disk is full, or broken, at the k-th write, fsync or rename, for every k; then it is mended."""

from __future__ import annotations

import errno
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from common_apps.transfer.bundle import spool
from tests.common.transfer.crashing import Scene
from tests.common.transfer.failing_disk import KINDS, LASTING, FailingDisk
from tests.common.transfer.kit import Peer
from tests.common.transfer.real_rows import real_rows

WORDS = {errno.ENOSPC: ("disk_full", "No space left on device"), errno.EIO: ("Input/output error",)}
each_fault = pytest.mark.parametrize("error", list(LASTING), ids=errno.errorcode.get)
each_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def scene(transactional_db: None, peer: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A site that has carried once. What is packed goes by way of the disk."""
    monkeypatch.setattr(spool, "_IN_MEMORY", 16)
    made = Scene(peer, real_rows(), tmp_path / "notes")
    made.add_work()
    made.carry()
    made.check()
    return made


def _command(name: str) -> tuple[str, BaseException | None]:
    """What it printed and said. Anything but an ending that a command may have is a stack trace on the terminal."""
    out = io.StringIO()
    try:
        call_command(name, stdout=out)
    except (CommandError, SystemExit) as error:
        return out.getvalue(), error
    return out.getvalue(), None


def _try_every(
    root: Path, kind: str, error: int, prepare: Callable[[], Any], command: str, mend: Callable[[], Any]
) -> list[tuple[str, BaseException | None]]:
    """Fails the k-th, mends the disk and checks, for every k until there is none; what was said each time."""
    said = []
    for number in range(1, 1000):
        disk = FailingDisk(root, kind, number, error)
        prepare()
        with disk.below():
            heard = _command(command)
        try:
            mend()
        except AssertionError as wrong:
            raise AssertionError(f"{errno.errorcode[error]} at {kind} {number}") from wrong
        if not disk.is_met:
            return said
        said.append(heard)
    raise AssertionError("it never ends")


@each_kind
@each_fault
def test_export_is_finished_once_when_the_disk_failed_at_any_call(
    scene: Scene, tmp_path: Path, error: int, kind: str
) -> None:
    def mend() -> None:
        scene.carry()
        scene.check()

    said = _try_every(tmp_path, kind, error, scene.add_rows, "export_bundles", mend)
    refused = [str(ending) for _, ending in said if ending is not None]
    assert len(refused) >= 2
    assert [text for text in refused if any(word not in text for word in WORDS[error])] == []


@each_kind
@each_fault
def test_import_is_finished_once_when_the_disk_failed_at_any_call(
    scene: Scene, tmp_path: Path, error: int, kind: str
) -> None:
    def mend() -> None:
        scene.add_rows()
        scene.carry()
        # What is applied is applied; where its copy can't be archived there is none.
        scene.check(archived=False)

    said = _try_every(tmp_path, kind, error, scene.bring, "import_bundles", mend)
    # The forged bundle makes every run end so, the disk's fault or not.
    assert {getattr(ending, "code", None) for _, ending in said} == {1}
    postponed = [printed for printed, _ in said if "postponed" in printed]
    assert len(postponed) >= 2
    assert [text for text in postponed if not any(word in text for word in WORDS[error])] == []
