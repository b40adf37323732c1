"""`export_bundles [STREAM ...]`: writes what has to go to the other site."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from common_apps.audit.actors import SYSTEM
from common_apps.core.tables import print_table
from common_apps.transfer.management.plain_errors import told_plainly
from common_apps.transfer.services import ExportOutcome, export_all


class Command(BaseCommand):
    """Prints a row for each bundle; nothing to do is exit 0."""

    help = "Write bundles for the other site into EXPORT_DIR: all streams, or those that are named."

    def add_arguments(self, parser: CommandParser) -> None:
        """Streams, --full, --json."""
        parser.epilog = "For example: export_bundles requests holdings"
        parser.add_argument(
            "streams", nargs="*", metavar="STREAM", help="requests, say; without any, all that this site sends"
        )
        parser.add_argument("--full", action="store_true", help="write states whole, whether or not they are new")
        parser.add_argument("--json", action="store_true", help="one JSON array, a bundle an object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exports in the given order. What was written is printed also when something else can't be."""
        done: list[ExportOutcome] = []
        try:
            with told_plainly():
                export_all(streams=options["streams"] or None, actor=SYSTEM, full=options["full"], done=done)
        except CommandError:
            if done:
                self._print(done, as_json=options["json"])
            raise
        self._print(done, as_json=options["json"])
        if not done and not options["json"]:
            self.stdout.write("Nothing to export.")

    def _print(self, done: Sequence[ExportOutcome], *, as_json: bool) -> None:
        rows = [
            {
                "stream": each.stream,
                "outcome": each.outcome,
                "seq": each.seq,
                "mode": each.mode,
                "records": each.record_count,
                "bytes": each.file_size,
                "file": each.file,
                "batch_id": each.batch_id,
            }
            for each in done
        ]
        print_table(self.stdout, rows, as_json=as_json)
