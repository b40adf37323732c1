"""`run_watcher`: imports what arrives, exports what waits, runs the sweeps. One for each site."""

from __future__ import annotations

import signal
from threading import Event
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from common_apps.operations.sweeps import scan
from common_apps.operations.watcher import Watcher, WatcherRunningError, only_watcher


class Command(BaseCommand):
    """Runs until SIGTERM or SIGINT."""

    help = "Watch IMPORT_DIR, export what waits, run the sweeps; until SIGTERM."

    def handle(self, *args: Any, **options: Any) -> None:
        """Blocks."""
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        watcher = Watcher(folder=settings.IMPORT_DIR, on_files=scan, stop=stop)
        try:
            with only_watcher(settings.DATA_DIR):
                self.stdout.write(f"watching {settings.IMPORT_DIR}")
                watcher.run()
        except WatcherRunningError as error:
            raise CommandError(str(error)) from error
