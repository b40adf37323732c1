"""The watcher reacts to files, runs what is due, and outlives what fails."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import OperationalError

from common_apps.operations import registry
from common_apps.operations.registry import Sweep
from common_apps.operations.watcher import Watcher, WatcherRunningError, only_watcher

PATIENCE = 20.0


class Running:
    """A watcher in a thread, with its files seen."""

    def __init__(self, folder: Path, on_files: Callable[[], None] | None = None) -> None:
        self.seen = threading.Event()
        self.stop = threading.Event()
        self._watcher = Watcher(folder=folder, on_files=on_files or self.seen.set, stop=self.stop)
        self._thread = threading.Thread(target=self._watcher.run)

    def __enter__(self) -> "Running":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()


@pytest.fixture(autouse=True)
def only_our_sweeps() -> Iterator[None]:
    saved = dict(registry.sweeps)
    registry.sweeps.clear()
    yield
    registry.sweeps.clear()
    registry.sweeps.update(saved)


def _drop_files_until(seen: threading.Event, folder: Path) -> bool:
    """The watch may begin a moment after the first scan: files keep coming until one is noticed."""
    for number in range(int(PATIENCE / 0.1)):
        (folder / f"{number}.jsonl.enc").write_bytes(b"x")
        if seen.wait(0.1):
            return True
    return False


def test_watcher_scans_when_it_starts_and_when_a_file_arrives(tmp_path: Path) -> None:
    with Running(tmp_path) as running:
        assert running.seen.wait(PATIENCE)
        running.seen.clear()
        assert _drop_files_until(running.seen, tmp_path)


def test_watcher_runs_a_sweep_again_when_an_outage_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common_apps.operations.watcher.BACKOFF_SECONDS", 0.01)
    turns = []
    done = threading.Event()

    def sweep() -> None:
        turns.append(1)
        if len(turns) == 1:
            raise OperationalError("the database is gone")
        done.set()

    registry.sweeps["test"] = Sweep("test", 0, sweep)
    with Running(tmp_path):
        assert done.wait(PATIENCE)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("a bug")])
def test_watcher_goes_on_when_work_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr("common_apps.operations.watcher.BACKOFF_SECONDS", 0.01)
    second = threading.Event()
    calls = []

    def on_files() -> None:
        calls.append(1)
        if len(calls) > 1:
            second.set()
            return
        raise error

    with Running(tmp_path, on_files):
        assert _drop_files_until(second, tmp_path)


def test_watcher_goes_on_when_its_folder_vanished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common_apps.operations.watcher.BACKOFF_SECONDS", 0.01)
    folder = tmp_path / "imports"
    folder.mkdir()
    with Running(folder) as running:
        assert running.seen.wait(PATIENCE)
        folder.rmdir()
        for _ in range(200):
            if folder.is_dir():
                break
            threading.Event().wait(0.05)
        assert folder.is_dir()
        running.seen.clear()
        assert _drop_files_until(running.seen, folder)


def test_second_watcher_is_refused_when_one_runs(tmp_path: Path) -> None:
    with only_watcher(tmp_path), pytest.raises(WatcherRunningError, match="stop it first"), only_watcher(tmp_path):
        pass
    with only_watcher(tmp_path):
        pass
