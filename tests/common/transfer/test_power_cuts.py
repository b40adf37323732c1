"""The power fails: what was not fsynced is torn, gone, or back again; and files that are torn whatever was done."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings

from common_apps.core.failpoints import EXIT_STATUS
from common_apps.transfer.bundle.names import LATEST_NAME, SIDECAR_SUFFIX
from common_apps.transfer.folders import site_folders
from common_apps.transfer.models import ExportBatch
from tests.common.transfer.crashing import Scene
from tests.common.transfer.kit import Peer
from tests.common.transfer.power import PowerCut
from tests.common.transfer.real_rows import real_rows
from tests.common.transfer.test_crashes import BEHIND, POINTS

SEED = 20261123


@pytest.fixture
def scene(transactional_db: None, peer: Peer, tmp_path: Path) -> Scene:
    """A site that has carried once and has been heard."""
    made = Scene(peer, real_rows(), tmp_path / "notes")
    for _ in range(2):
        made.add_work()
        made.finish()
    return made


def test_nothing_is_lost_or_torn_when_the_power_fails_at_any_point(scene: Scene, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    scene.add_work()
    passes = scene.finish()
    struck: list[str] = []
    for name in POINTS:
        scene.add_work()
        cut = PowerCut([settings.EXPORT_DIR, settings.IMPORT_DIR, settings.DATA_DIR], tmp_path / "fsyncs", chance)
        number = chance.randint(1, passes.get(name, 1))
        status = scene.run(scene.carry, f"{BEHIND.get(name, '')}{name}@{number}=exit", fsync=cut.fsync)
        assert status == EXIT_STATUS, name
        done = cut.strike()
        struck += done
        # A courier may come before anybody has tidied up.
        scene.take_away()
        scene.finish()
        try:
            scene.check(archived=False)
        except AssertionError as error:
            raise AssertionError(f"the power failed at {name}, pass {number}: {done}") from error
    assert struck, "the power never failed in the midst of anything"


def _bundle() -> Path:
    batch = ExportBatch.objects.filter(status="processing").get()
    return settings.EXPORT_DIR / batch.batch_type / batch.filename


def _copy() -> Path:
    (copy,) = site_folders().incoming.glob("*.enc")
    return copy


def _quarantined() -> Path:
    return max(site_folders().quarantine.glob("*.enc"), key=lambda path: path.stat().st_mtime_ns)


TORN: dict[str, tuple[str, Callable[[], Path]]] = {
    "part": ("export.part_written", lambda: next(settings.EXPORT_DIR.rglob("*.jsonl.enc.part"))),
    "bundle": ("export.named", _bundle),
    "bundle beside its sidecar": ("export.completing", _bundle),
    "sidecar": ("export.sidecar_written", lambda: Path(f"{_bundle()}{SIDECAR_SUFFIX}")),
    "latest.json": ("export.completing", lambda: _bundle().with_name(LATEST_NAME)),
    "private copy": ("import.verified", _copy),
    "private copy of what is applied": ("import.committed", _copy),
    "quarantined file": ("import.quarantined", _quarantined),
}


@pytest.mark.parametrize("what", list(TORN))
def test_torn_file_is_never_taken_for_whole_when_it_is_cut_at_any_place(scene: Scene, what: str) -> None:
    point, find = TORN[what]
    chance = random.Random(f"{SEED} {what}")
    for place in (0.0, 1.0, chance.random(), chance.random()):
        scene.add_work()
        scene.crash(f"{point}=exit")
        path = find()
        raw = path.read_bytes()
        kept = min(int(len(raw) * place), len(raw) - 1)
        # Shorter, or as long as it was and nothing behind the place.
        path.write_bytes(raw[:kept] + bytes(chance.choice([0, len(raw) - kept])))
        scene.finish()
        try:
            scene.check(archived=False)
        except AssertionError as error:
            raise AssertionError(f"{what}: {kept} of {len(raw)} bytes") from error
        for archived in site_folders().imported.iterdir():
            assert hashlib.sha256(archived.read_bytes()).hexdigest() == archived.stem, "a torn copy is in the archive"
