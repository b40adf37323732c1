"""`inspect_bundle FILE`: header and verdict of a bundle; changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandParser

from common_apps.core.tables import print_table
from common_apps.transfer.bundle.errors import Code, describe
from common_apps.transfer.management.plain_errors import told_plainly
from common_apps.transfer.services.inspection import SOUND, inspect_bundle
from common_apps.transfer.services.met import printable


class Command(BaseCommand):
    """Exit 1 when the bundle is not sound."""

    help = "Show a bundle's header and verdict; --records also what is in it, where this site has the key."

    def add_arguments(self, parser: CommandParser) -> None:
        """FILE, --records, --json."""
        parser.epilog = "For example: inspect_bundle --records /media/stick/airferry/request/*/*.jsonl.enc"
        parser.add_argument("file", metavar="FILE", type=Path, help="a bundle, wherever it lies")
        parser.add_argument("--records", action="store_true", help="print the records, a JSON object a line")
        parser.add_argument("--json", action="store_true", help="one JSON array with one object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prints."""
        with told_plainly():
            found = inspect_bundle(path=options["file"], with_records=options["records"])
        known = found.verdict in tuple(Code)
        facts = {
            "file": printable(options["file"].name),
            "verdict": found.verdict,
            "detail": found.detail,
            "cure": describe(found.verdict).cure if known else "",
            "signed_by": found.signed_by,
        }
        if options["json"]:
            row: dict[str, Any] = facts | {"header": found.header}
            if options["records"]:
                row["records"] = [msgspec.Raw(line.encode()) for line in found.records]
            print_table(self.stdout, [row], as_json=True)
        else:
            print_table(self.stdout, [{"field": name, "value": value} for name, value in facts.items()])
            if found.header is not None:
                self.stdout.write("")
                print_table(self.stdout, [{"header": name, "value": value} for name, value in found.header.items()])
            for line in found.records:
                self.stdout.write(line)
        if found.verdict != SOUND:
            raise SystemExit(1)
