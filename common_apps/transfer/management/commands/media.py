"""`media sync [PATH]`, `media status [PATH]`: all that a courier types after plugging in the stick."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser

from common_apps.audit.actors import SYSTEM
from common_apps.core.tables import print_table
from common_apps.transfer.management.plain_errors import told_plainly
from common_apps.transfer.media.errors import StickError
from common_apps.transfer.services.media import sync_media
from common_apps.transfer.services.media_report import SyncReport


class Command(BaseCommand):
    """Exit 0 fine, 1 something was quarantined or stays behind, 2 it could not be done."""

    help = "Take what has come on the stick, import it, and write what has to go."

    def add_arguments(self, parser: CommandParser) -> None:
        """A verb each."""
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        sync = verbs.add_parser("sync", help="the whole carry at this site")
        sync.add_argument("path", nargs="?", type=Path, metavar="PATH", help="the stick; needed where several are in")
        sync.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="for answers to what has come")
        sync.add_argument("--ours", action="store_true", help="use it although nothing on it is of these two sites")
        sync.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Does it, prints, and ends with the exit code."""
        try:
            with told_plainly():
                report = sync_media(path=options["path"], actor=SYSTEM, wait_s=options["wait"], ours=options["ours"])
        except StickError as error:
            raise CommandError(f"{error.code}: {error}", returncode=2) from error
        except CommandError as error:
            error.returncode = 2
            raise
        if options["json"]:
            self.stdout.write(msgspec.json.encode(report.facts(), enc_hook=str).decode())
        else:
            self._show(report)
        if report.exit_code:
            raise SystemExit(report.exit_code)

    def _show(self, report: SyncReport) -> None:
        rows = [
            {
                "direction": "came",
                "trip": each.trip,
                "file": each.outcome.file,
                "records": each.outcome.record_count,
                "bytes": None,
                "state": each.outcome.outcome,
                "code": each.outcome.code,
                "detail": each.outcome.detail,
            }
            for each in report.taken
        ]
        rows += [
            {
                "direction": "goes",
                "trip": each.trip,
                "file": each.file,
                "records": each.records,
                "bytes": each.size,
                "state": each.fate,
                "code": None,
                "detail": each.detail,
            }
            for each in report.carried
        ]
        print_table(self.stdout, rows)
        if report.repaired:
            self.stdout.write(f"repaired: {len(report.repaired)} files that a pulled stick had left torn")
        if report.fault:
            self.stderr.write(f"{report.fault.code}: {report.fault}")
        if report.safe_to_remove:
            self.stdout.write("safe to remove")
