"""`quarantine list, show`: what was refused, why, and what to do."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from common_apps.core.tables import print_table
from common_apps.transfer.management.plain_errors import told_plainly
from common_apps.transfer.selectors import describe_quarantined, find_quarantined, quarantined


class Command(BaseCommand):
    """Changes nothing."""

    help = "List what lies in quarantine, or show one file of it with its reason and cure."

    def add_arguments(self, parser: CommandParser) -> None:
        """A verb each."""
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        listing = verbs.add_parser("list", help="all of it, the newest first")
        listing.add_argument("--json", action="store_true")
        show = verbs.add_parser("show", help="one file")
        show.add_argument("id", metavar="ID", help="the row's id, or the beginning of the file's checksum")
        show.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prints."""
        with told_plainly():
            if options["verb"] == "list":
                rows = [describe_quarantined(row) for row in quarantined()]
                short = ("id", "file", "stream", "code", "held", "met_count", "created_at")
                shown = rows if options["json"] else [{name: row[name] for name in short} for row in rows]
                print_table(self.stdout, shown, as_json=options["json"])
                if not rows and not options["json"]:
                    self.stdout.write("The quarantine is empty.")
                return
            found = find_quarantined(options["id"])
            if found is None:
                raise CommandError(f"Nothing in quarantine is called {options['id']}; see: quarantine list")
            facts = describe_quarantined(found)
            if options["json"]:
                print_table(self.stdout, [facts], as_json=True)
            else:
                print_table(self.stdout, [{"field": name, "value": value} for name, value in facts.items()])
