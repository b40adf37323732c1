"""`setup`: all that a site needs before its first start. Run it again after every upgrade: it is idempotent."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from common_apps.core.tables import print_table
from common_apps.operations.registry import setup_steps


class Command(BaseCommand):
    """Migrates, then runs the steps that the apps registered."""

    help = "Migrate, make folders, generate keys if absent, seed what the site needs. Idempotent."

    def add_arguments(self, parser: CommandParser) -> None:
        """--json prints the steps as one array."""
        parser.add_argument("--json", action="store_true", help="print the steps as a JSON array")

    def handle(self, *args: Any, **options: Any) -> None:
        """Runs every step, in order."""
        call_command("migrate", interactive=False, verbosity=0)
        rows = [{"step": "migrations", "outcome": "applied"}]
        for step in sorted(setup_steps.values(), key=lambda step: (step.place, step.name)):
            rows.append({"step": step.name, "outcome": step.run()})
        print_table(self.stdout, rows, as_json=options["json"])
