"""`backup DIR`: the database and the keys, to be put back by `restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from common_apps.audit.actors import SYSTEM
from common_apps.core.tables import print_table
from common_apps.operations.services.backups import make_backup
from common_apps.transfer.management.plain_errors import told_plainly


class Command(BaseCommand):
    """The site may go on meanwhile: the database is read as it is at one moment."""

    help = "Write the database and the keys to a new folder. Keep it as closely as the keys themselves."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to."""
        parser.epilog = "For example: backup /srv/backups/2026-11-23"
        parser.add_argument("folder", metavar="DIR", type=Path, help="a folder that is not there yet, or empty")
        parser.add_argument("--json", action="store_true", help="one JSON array, a file an object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prints what was written."""
        with told_plainly():
            manifest = make_backup(folder=options["folder"].absolute(), actor=SYSTEM)
        rows = [{"file": name, "size": each.size, "sha256": each.sha256} for name, each in manifest.files.items()]
        print_table(self.stdout, rows, as_json=options["json"])
