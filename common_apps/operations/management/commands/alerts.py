"""`alerts list, acknowledge`: what the operators have to know of."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandParser

from common_apps.audit.actors import SYSTEM
from common_apps.core.tables import print_table
from common_apps.operations.selectors import alerts_in, describe_alert, open_alerts
from common_apps.operations.services.alerts import acknowledge_alert
from common_apps.transfer.management.plain_errors import told_plainly


class Command(BaseCommand):
    """Lists, or acknowledges."""

    help = "List the alerts that are not over (or all), or acknowledge some."

    def add_arguments(self, parser: CommandParser) -> None:
        """A verb each."""
        parser.epilog = "For example: alerts list --all"
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        listing = verbs.add_parser("list", help="those that are not over, the newest first")
        listing.add_argument("--all", action="store_true", help="those that are over, too")
        listing.add_argument("--json", action="store_true", help="one JSON array, an alert an object")
        acknowledge = verbs.add_parser("acknowledge", help="seen, and taken care of")
        acknowledge.add_argument("ids", metavar="ID", nargs="+", type=UUID, help="as `alerts list` shows it")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prints."""
        with told_plainly():
            if options["verb"] == "acknowledge":
                for alert_id in options["ids"]:
                    alert = acknowledge_alert(alert_id=alert_id, actor=SYSTEM)
                    self.stdout.write(f"{alert.title} ({alert.subject}): {alert.state}")
                return
            chosen = alerts_in(None) if options["all"] else open_alerts()
            rows = [describe_alert(alert) for alert in chosen]
            short = ("id", "state", "level", "title", "subject", "count", "last_at", "cure")
            shown = rows if options["json"] else [{name: row[name] for name in short} for row in rows]
            print_table(self.stdout, shown, as_json=options["json"])
            if not rows and not options["json"]:
                self.stdout.write("There are no alerts.")
