"""The process that reacts: files that arrive, work that waits, sweeps that are due. One for each site."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import structlog
from django.db import close_old_connections, connection
from watchfiles import watch

from common_apps.core.outages import OUTAGES
from common_apps.operations.registry import Sweep, sweeps

log = structlog.get_logger("operations.watcher")

TICK_MS = 1000
BACKOFF_SECONDS = 5.0


class WatcherRunningError(Exception):
    """Another watcher of this site runs on this host."""


class Watcher:
    """Runs ``on_files`` when IMPORT_DIR changes and every sweep when it is due, until ``stop`` is set.

    Events only make it quick; the sweeps are the truth. An outage or a full disk is logged, waited out, tried again.
    """

    def __init__(self, *, folder: Path, on_files: Callable[[], None], stop: Event) -> None:
        self._folder = folder
        self._on_files = on_files
        self._stop = stop
        self._due: dict[str, float] = {}

    def run(self) -> None:
        """Returns once ``stop`` is set."""
        self._attempt("files", self._on_files)
        while not self._stop.is_set():
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._watch()
            except OSError as error:
                log.warning("folder_unwatchable", folder=str(self._folder), error=str(error))
                self._stop.wait(BACKOFF_SECONDS)

    def _watch(self) -> None:
        changes = watch(
            self._folder,
            stop_event=self._stop,
            rust_timeout=TICK_MS,
            yield_on_timeout=True,
            raise_interrupt=False,
            ignore_permission_denied=True,
        )
        for change in changes:
            if change:
                self._attempt("files", self._on_files)
            for sweep in self._sweeps_due():
                self._attempt(sweep.name, sweep.run)
            if not self._folder.is_dir():
                return

    def _sweeps_due(self) -> Iterator[Sweep]:
        now = time.monotonic()
        for sweep in sweeps.values():
            if now >= self._due.get(sweep.name, 0.0):
                self._due[sweep.name] = now + sweep.every_seconds
                yield sweep

    def _attempt(self, name: str, work: Callable[[], None]) -> None:
        close_old_connections()
        try:
            work()
        except OUTAGES as error:
            log.warning("waiting_for_service", work=name, error=type(error).__name__)
            connection.close()
            self._stop.wait(BACKOFF_SECONDS)
        except OSError as error:
            log.warning("work_failed", work=name, error=str(error))
            self._stop.wait(BACKOFF_SECONDS)
        except Exception as error:  # one bad turn must not end the process that nothing else stands in for
            log.error("work_failed", work=name, exc_info=error)
            self._stop.wait(BACKOFF_SECONDS)


@contextmanager
def only_watcher(data_dir: Path) -> Iterator[None]:
    """Holds the site's watcher lock; raises WatcherRunningError when another process does."""
    path = data_dir / "watcher.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise WatcherRunningError(f"another watcher holds {path}: stop it first") from None
    try:
        yield
    finally:
        os.close(descriptor)
