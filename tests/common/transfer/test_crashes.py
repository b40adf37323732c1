"""A process that is killed at any named point of export and import, and at a second one while it recovers."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest
from django.core.checks import run_checks

from common_apps.core import failpoints
from common_apps.transfer.failpoints import EXPORT_POINTS, IMPORT_POINTS
from tests.common.transfer.crashing import Scene
from tests.common.transfer.kit import Peer
from tests.common.transfer.real_rows import real_rows

POINTS = [*EXPORT_POINTS, *IMPORT_POINTS]
# Reached only behind a failure, so they need one first.
BEHIND = {"export.failing": "export.part_written=enospc,"}
PAIRS = 40


@pytest.fixture
def scene(transactional_db: None, peer: Peer, tmp_path: Path) -> Scene:
    """A site that has carried once and has been heard."""
    made = Scene(peer, real_rows(), tmp_path / "notes")
    for _ in range(2):
        made.add_work()
        made.finish()
    made.check()
    return made


@pytest.fixture
def chance(capsys: pytest.CaptureFixture[str]) -> random.Random:
    """Which pass of a point, and which pairs. The seed is printed; AIRFERRY_CRASH_SEED gives it again."""
    seed = int(os.environ.get("AIRFERRY_CRASH_SEED") or random.randrange(2**32))
    with capsys.disabled():
        sys.stdout.write(f" [AIRFERRY_CRASH_SEED={seed}] ")
    return random.Random(seed)


def test_work_is_finished_once_when_a_process_was_killed_at_any_point(scene: Scene, chance: random.Random) -> None:
    passes = _count_passes(scene)
    for name in POINTS:
        _crash(scene, name, chance.randint(1, passes[name]))
        scene.finish()
        scene.check()


def test_work_is_finished_once_when_the_recovery_was_killed_too(scene: Scene, chance: random.Random) -> None:
    # AIRFERRY_CRASH_PAIRS=all tries every pair.
    pairs = [(first, second) for first in POINTS for second in POINTS]
    if os.environ.get("AIRFERRY_CRASH_PAIRS") != "all":
        pairs = chance.sample(pairs, PAIRS)
    passes = _count_passes(scene)
    for first, second in pairs:
        number = chance.randint(1, passes[first])
        _crash(scene, first, number)
        _crash(scene, second, 1)
        scene.finish()
        try:
            scene.check()
        except AssertionError as error:
            raise AssertionError(f"killed at {first}, pass {number}, then at {second}") from error


def _count_passes(scene: Scene) -> dict[str, int]:
    """How often a carry with something new for every step passes each point: different streams are in hand there."""
    scene.add_work()
    passed = scene.finish()
    return {name: passed.get(name, 1) for name in POINTS}


def _crash(scene: Scene, name: str, number: int) -> None:
    scene.add_work()
    scene.crash(f"{BEHIND.get(name, '')}{name}@{number}=exit")


def test_check_refuses_to_deploy_when_failpoints_are_armed(peer: Peer) -> None:
    assert run_checks(tags=["transfer"], include_deployment_checks=True) == []
    failpoints.arm("export.named=exit")
    try:
        (said,) = run_checks(tags=["transfer"], include_deployment_checks=True)
    finally:
        failpoints.disarm()
    assert (said.id, "AIRFERRY_FAILPOINTS arms export.named" in said.msg) == ("transfer.E003", True)
