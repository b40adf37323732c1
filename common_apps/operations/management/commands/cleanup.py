"""`cleanup`: removes what is of no use any more, as it is done every night."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from common_apps.audit.actors import SYSTEM
from common_apps.core.tables import print_table
from common_apps.operations.services.cleanup import run_cleanup
from common_apps.transfer.management.plain_errors import told_plainly


class Command(BaseCommand):
    """Prints a row for each step; exit 1 if one could not be done."""

    help = "Remove files and rows that are of no use any more (nightly at 02:00 UTC by itself)."

    def add_arguments(self, parser: CommandParser) -> None:
        """--json."""
        parser.add_argument("--json", action="store_true", help="one JSON array, a step an object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Cleans, prints, and ends with the exit code."""
        with told_plainly():
            outcomes = run_cleanup(actor=SYSTEM)
        rows = [{"step": each.step, "removed": each.removed, "error": each.error or None} for each in outcomes]
        print_table(self.stdout, rows, as_json=options["json"])
        if any(each.error for each in outcomes):
            raise SystemExit(1)
