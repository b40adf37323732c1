"""The test runner, on a suite of one test: parts side by side, what they print, how they are ended."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from devstack.processes import wait_until
from devstack.pytest import ROOT

pytestmark = pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="parts run side by side where there are two cores")
# Each part's process leaves its number; a test ends when `WANTED` of them have come.
SUITE = """
import os, time
from pathlib import Path

HERE = Path(__file__).parent

def test_first_to_come():
    (HERE / f"{os.getpid()}.pid").touch()
    until = time.monotonic() + 60
    while len(list(HERE.glob("*.pid"))) < WANTED and time.monotonic() < until:
        time.sleep(0.02)
    assert len(list(HERE.glob("*.pid"))) == WANTED
    (HERE / "first").touch(exist_ok=False)
"""


@contextmanager
def runner(folder: Path, *, wanted: int = 2) -> Iterator["subprocess.Popen[str]"]:
    """Two parts, of that one test."""
    suite = folder / "test_suite.py"
    suite.write_text(SUITE.replace("WANTED", str(wanted)))
    command = [sys.executable, "-m", "devstack.pytest", "plain", "model", str(suite), "-q"]
    # a plugin that takes longest to import, and isn't needed
    command += ["-p", "no:cacheprovider", "-p", "no:schemathesis"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def pids(folder: Path) -> list[int]:
    return [int(file.stem) for file in folder.glob("*.pid")]


def test_parts_run_side_by_side_and_print_in_one_piece_when_two_are_named(tmp_path: Path) -> None:
    with runner(tmp_path) as process:
        said = process.communicate(timeout=120)[0]
    begin, *pieces, end = [*said.rpartition("== ")[0].split("== tests: ")[1:], said.splitlines()[-1]]
    assert begin.startswith("plain, model, 2 side by side")
    assert sorted(piece.split()[0] for piece in pieces) == ["model", "plain"]
    # the second to come finds the first's file: its part fails, and so does the run
    assert sorted(piece.count("1 passed") for piece in pieces) == [0, 1]
    assert end in ("== plain: ok, model: exit 1", "== plain: exit 1, model: ok")
    assert process.returncode == 1


@pytest.mark.parametrize("by", ["Ctrl-C", "SIGTERM"])
def test_no_part_goes_on_when_the_runner_is_ended(tmp_path: Path, by: str) -> None:
    with runner(tmp_path, wanted=3) as process:
        assert wait_until(lambda: len(pids(tmp_path)) == 2, timeout_s=60)
        if by == "Ctrl-C":
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.terminate()
        said = process.communicate(timeout=60)[0]
    assert process.returncode == 130, said
    assert said.count("KeyboardInterrupt") >= 2
    assert [pid for pid in pids(tmp_path) if psutil.pid_exists(pid)] == []
