"""`media sync [PATH]`, `media status [PATH]`: all that a courier types after plugging in the stick."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser

from common_apps.audit.actors import SYSTEM
from common_apps.core.tables import print_table
from common_apps.transfer.management.carry_display import bar, show_report
from common_apps.transfer.management.plain_errors import told_plainly
from common_apps.transfer.media.errors import StickError
from common_apps.transfer.services.media import media_status, sync_media

_FAILED = 2
T = TypeVar("T")


class Command(BaseCommand):
    """Exit 0: fine. 1: something was quarantined, or stays behind. 2: it could not be done."""

    help = "Take what has come on the stick, import it, and write what has to go; or look at the stick."

    def add_arguments(self, parser: CommandParser) -> None:
        """A verb each."""
        parser.epilog = "For example: media sync --wait 300 /media/stick"
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        sync = verbs.add_parser("sync", help="take, import, wait if asked, write, read back")
        sync.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="for the answers to what has come")
        sync.add_argument("--ours", action="store_true", help="use it although nothing on it is of these two sites")
        status = verbs.add_parser("status", help="what is on the stick and what a sync would do; changes nothing")
        for verb in (sync, status):
            verb.add_argument("path", nargs="?", type=Path, metavar="PATH", help="the stick, where there are several")
            verb.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Does it, prints, and ends with the exit code."""
        path, as_json = options["path"], options["json"]
        if options["verb"] == "status":
            facts = asdict(_told(lambda: media_status(path=path)))
            if as_json:
                self._print_json(facts)
            else:
                print_table(self.stdout, [{"field": name, "value": value} for name, value in facts.items()])
            return
        with bar(sys.stderr) as progress:
            report = _told(
                lambda: sync_media(
                    path=path, actor=SYSTEM, wait_s=options["wait"], ours=options["ours"], progress=progress
                )
            )
        if as_json:
            self._print_json(report.facts())
        else:
            show_report(self.stdout, report)
            if report.fault:
                self.stderr.write(f"{report.fault.code}: {report.fault}")
        if report.exit_code:
            raise SystemExit(report.exit_code)

    def _print_json(self, facts: dict[str, Any]) -> None:
        self.stdout.write(msgspec.json.encode(facts, enc_hook=str).decode())


def _told(work: Callable[[], T]) -> T:
    """What keeps it from being done ends the command with 2."""
    try:
        with told_plainly():
            return work()
    except StickError as error:
        raise CommandError(f"{error.code}: {error}", returncode=_FAILED) from error
    except CommandError as error:
        error.returncode = _FAILED
        raise
