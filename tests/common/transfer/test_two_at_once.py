"""Two real exporters, and two real importers, at once; and one that is killed while the other waits for it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common_apps.audit.actors import SYSTEM
from common_apps.transfer.folders import site_folders
from common_apps.transfer.services import export_stream, scan_imports
from devstack.processes import wait_until
from tests.common.transfer.crashing import Scene, fork, kill, wait_for
from tests.common.transfer.kit import Peer
from tests.common.transfer.real_rows import real_rows


@pytest.fixture
def scene(transactional_db: None, peer: Peer, tmp_path: Path) -> Scene:
    """A site that has carried once, with new work of every kind."""
    made = Scene(peer, real_rows(), tmp_path / "notes")
    made.add_work()
    made.finish()
    made.add_work()
    return made


def _start(scene: Scene, work: Callable[[], Any], name: str, armed: str = "") -> int:
    return fork(work, armed=armed, notes=scene.notes.with_name(name))


def _is_waiting(pid: int) -> bool:
    """Whether the process has a lock's file open: somebody else holds it, so it waits."""
    try:
        names = [str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir()]
    except FileNotFoundError:
        # One of its files was closed meanwhile.
        return False
    return any(name.endswith(".lock") for name in names)


def _export(scene: Scene) -> Callable[[], Any]:
    return lambda: export_stream(stream=scene.rows.sent, actor=SYSTEM, limits=scene.limits)


def test_record_is_in_one_bundle_when_two_carries_run_at_once(scene: Scene) -> None:
    children = [_start(scene, scene.carry, f"notes-{number}") for number in range(3)]
    ended = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert ended == [0, 0, 0], [scene.notes.with_name(f"notes-{number}").read_text() for number in range(3)]
    scene.finish()
    scene.check()


@pytest.mark.parametrize("place", ["export.claimed", "export.named", "export.completing"])
def test_waiting_exporter_finishes_the_work_when_the_other_is_killed_in_its_midst(scene: Scene, place: str) -> None:
    first = _start(scene, _export(scene), "first", armed=f"{place}=stop")
    assert os.WIFSTOPPED(os.waitpid(first, os.WUNTRACED)[1])
    second = _start(scene, _export(scene), "second")
    assert wait_until(lambda: _is_waiting(second), timeout_s=60)
    kill_and_wait(first, second)
    scene.finish()
    scene.check()


@pytest.mark.parametrize("place", ["import.copied", "import.entering", "import.committed", "import.quarantined"])
def test_waiting_importer_finishes_the_work_when_the_other_is_killed_in_its_midst(scene: Scene, place: str) -> None:
    first = _start(scene, lambda: scan_imports(actor=SYSTEM), "first", armed=f"{place}=stop")
    assert os.WIFSTOPPED(os.waitpid(first, os.WUNTRACED)[1])
    assert list(site_folders().incoming.iterdir()) or place == "import.quarantined"
    second = _start(scene, lambda: scan_imports(actor=SYSTEM), "second")
    assert wait_until(lambda: _is_waiting(second), timeout_s=60)
    kill_and_wait(first, second)
    scene.finish()
    scene.check()


def kill_and_wait(first: int, second: int) -> None:
    """The first dies where it stands; the second, which waits for its lock, ends well."""
    kill(first)
    assert wait_for(second) == 0
