"""`import_bundles [PATH ...]`: takes in what has come from the other site."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from common_apps.audit.actors import SYSTEM
from common_apps.core.tables import print_table
from common_apps.transfer.management.plain_errors import told_plainly
from common_apps.transfer.services import import_path, scan_imports


class Command(BaseCommand):
    """Prints a row for each file; exit 1 if anything was quarantined, holds a conflict, or could not be tried."""

    help = "Import the bundles in IMPORT_DIR, or those at the given paths (which stay where they lie)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Paths, --json."""
        parser.epilog = "For example: import_bundles /media/stick/airferry/request/*/*.jsonl.enc"
        parser.add_argument("paths", nargs="*", metavar="PATH", type=Path, help="a bundle; without any, IMPORT_DIR")
        parser.add_argument("--json", action="store_true", help="one JSON array, a file an object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Imports, prints, and ends with the exit code."""
        with told_plainly():
            if options["paths"]:
                outcomes = [import_path(path=path, actor=SYSTEM) for path in options["paths"]]
            else:
                outcomes = scan_imports(actor=SYSTEM)
        rows = [
            {
                "file": each.file,
                "outcome": each.outcome,
                "code": each.code,
                "records": each.record_count,
                "detail": each.detail,
            }
            for each in outcomes
        ]
        print_table(self.stdout, rows, as_json=options["json"])
        if not rows and not options["json"]:
            self.stdout.write("Nothing to import.")
        if any(each.is_alarming for each in outcomes):
            raise SystemExit(1)
