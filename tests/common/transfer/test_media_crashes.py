"""A stick that is pulled, a process that dies, a medium that fails: the next carry repairs it, and says so."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from common_apps.core import failpoints
from common_apps.core.failpoints import Crash
from common_apps.transfer.failpoints import CARRY_POINTS
from common_apps.transfer.media.errors import StickError
from common_apps.transfer.models import Carry, ExportBatch
from common_apps.transfer.selectors import bundles_to_carry
from tests.common.transfer.kit import NOON, Peer, RowsReceiver, RowsSender, log_line
from tests.common.transfer.sticks import Stick

pytestmark = pytest.mark.django_db(transaction=True)

# Points at which a part, or a bundle without its sidecar, lies on the stick.
TEARS = ("carry.part_written", "carry.read_back", "carry.named")


@pytest.fixture
def rows(stick: Stick, sender: RowsSender, receiver: RowsReceiver, peer: Peer, received: str, sent: str) -> list[UUID]:
    """An earlier trip lies there, something has come, and something new has to go: the ids of what has to."""
    old = sender.add(2)
    stick.sync()
    peer.write(received, [log_line(received)], directory=stick.theirs)
    return [*old, *sender.add(2)]


def assert_whole(stick: Stick, rows: list[UUID], sent: str, receiver: RowsReceiver) -> None:
    """What came is entered once, and the stick holds exactly what has to go."""
    assert len(receiver.arrived()) == 1
    assert sorted(stick.records(sent)) == sorted(rows)
    assert sorted(each.name for each in stick.bundles()) == sorted(each.filename for each in bundles_to_carry())
    assert {each.parent.name for each in stick.bundles()} == {each.name for each in stick.own.iterdir()}
    assert {batch.filename: batch.trip for batch in bundles_to_carry()} == {
        each.name: each.parent.name for each in stick.bundles()
    }


def whole_before(stick: Stick) -> set[str]:
    """Bundles that are complete: what the other site would take, were the stick carried over as it is."""
    return {each.name.removesuffix(".meta.json") for each in stick.files() if each.name.endswith(".meta.json")}


@pytest.mark.parametrize("passes", [1, 3])
@pytest.mark.parametrize("name", list(CARRY_POINTS))
def test_next_carry_repairs_when_the_process_dies(
    stick: Stick, rows: list[UUID], sent: str, receiver: RowsReceiver, name: str, passes: int
) -> None:
    before = whole_before(stick)
    failpoints.arm(f"{name}@{passes}=crash")
    try:
        stick.sync()
        died = False
    except Crash:
        died = True
    finally:
        fired = name not in failpoints.armed()
        failpoints.disarm()
    assert died == fired
    assert died or passes > 1
    # Whenever it is pulled: what could be taken before can be taken still, or its successor can.
    kept = whole_before(stick)
    assert all(each in kept for each in before if not each.startswith("holdings"))
    assert any(each.startswith("holdings") for each in kept)
    report = stick.sync()
    assert (report.exit_code, report.safe_to_remove) == (0, True)
    assert_whole(stick, rows, sent, receiver)
    if died:
        assert [carry.status for carry in Carry.objects.all()[:2]] == ["fine", "broken"]
        assert bool(report.repaired) == (name in TEARS), report.repaired


def test_next_carry_repairs_when_own_files_are_torn(
    stick: Stick, rows: list[UUID], sent: str, sender: RowsSender, receiver: RowsReceiver, settings: Any
) -> None:
    settings.LOG_BUNDLE_RECORDS = 1
    rows += sender.add(2)
    stick.sync()
    bundles = stick.bundles()
    os.truncate(bundles[0], 100)
    flipped = bytearray(bundles[1].read_bytes())
    flipped[200] ^= 1
    bundles[1].write_bytes(flipped)
    bundles[2].unlink()
    bundles[-1].with_name(bundles[-1].name + ".meta.json").unlink()
    (bundles[0].parent / f"{bundles[0].name}.part").write_bytes(b"half")
    report = stick.sync()
    assert (report.exit_code, report.safe_to_remove) == (0, True)
    assert len(report.repaired) == 5
    assert_whole(stick, rows, sent, receiver)
    assert stick.sync().repaired == []


class FailingStick:
    """Counts what is done to files on the stick, and lets the k-th of it fail."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = str(root)
        self.count = 0
        self.at = 0
        self.error = 0
        # From then on every call fails: the stick is out.
        self.for_good = False
        for name in ("write", "fsync", "rename", "unlink", "mkdir", "read"):
            monkeypatch.setattr(os, name, self._wrapped(getattr(os, name)))

    def fail(self, at: int, error: int, *, for_good: bool = False) -> None:
        self.count, self.at, self.error, self.for_good = 0, at, error, for_good

    def _wrapped(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(first: Any, *others: Any, **named: Any) -> Any:
            descriptor = named.get("dir_fd", named.get("src_dir_fd", first))
            if self.at and isinstance(descriptor, int) and self._is_on_it(descriptor):
                self.count += 1
                if self.count == self.at or (self.for_good and self.count > self.at):
                    raise OSError(self.error, os.strerror(self.error))
            return real(first, *others, **named)

        return call

    def _is_on_it(self, descriptor: int) -> bool:
        try:
            return os.readlink(f"/proc/self/fd/{descriptor}").startswith(self.root)  # noqa: PTH115 - os is patched
        except OSError:
            return False


@pytest.mark.parametrize("how", ["full", "broken", "pulled"])
def test_next_carry_repairs_when_the_kth_call_to_the_stick_fails(
    stick: Stick,
    rows: list[UUID],
    sent: str,
    sender: RowsSender,
    receiver: RowsReceiver,
    how: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failing = FailingStick(stick.path, monkeypatch)
    error = errno.ENOSPC if how == "full" else errno.EIO
    k, met = 0, set()
    while True:
        # Of a stick that is out all later calls are alike.
        k += 3 if how == "pulled" else 1
        failing.fail(k, error, for_good=how == "pulled")
        try:
            report = stick.sync()
            code = report.fault.code if report.fault else None
        except StickError as refused:
            code = refused.code
        reached = failing.count >= k
        failing.fail(0, 0)
        met.add(code)
        if not reached:
            break
        assert any(each.startswith("holdings") for each in whole_before(stick))
        # Else the next one meets what several have left.
        if k % 4 == 1:
            assert stick.sync().safe_to_remove
            assert_whole(stick, rows, sent, receiver)
            # What has to go stays little, or there would be more calls each time.
            ExportBatch.objects.filter(batch_type=sent).update(superseded_at=NOON)
            rows = sender.add(1)
    assert k > 20
    assert met - {None} <= {"stick_full", "stick_gone"}
    assert None in met
    if how == "pulled":
        assert "stick_gone" in met
