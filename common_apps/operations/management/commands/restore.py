"""`restore DIR`: puts a backup back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from common_apps.audit.actors import SYSTEM
from common_apps.operations.services.backups import check_backup, restore_backup
from common_apps.transfer.management.plain_errors import told_plainly


class Command(BaseCommand):
    """Asks first. What came after the backup is lost here; the other site brings back what had crossed."""

    help = "Put a backup of this site back, in the place of its database. The site's processes must not run."

    # Into an empty database, too, which fails every check of tables.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Which one."""
        parser.epilog = "For example: restore /srv/backups/2026-11-23"
        parser.add_argument("folder", metavar="DIR", type=Path, help="what `backup` wrote")
        parser.add_argument("--yes", action="store_true", help="don't ask")
        parser.add_argument("--keys", action="store_true", help="put the keys back, too, though this site has some")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prints what was put back and what comes next."""
        folder = options["folder"].absolute()
        with told_plainly():
            manifest = check_backup(folder)
            if not options["yes"]:
                self.stdout.write(f"The database becomes that of {manifest.created_at}; what came since is lost here.")
                if input("Put it back? [y/N] ").strip().lower() not in ("y", "yes"):
                    raise CommandError("Nothing was changed.")
            done = restore_backup(folder=folder, actor=SYSTEM, keys=options["keys"])
        self.stdout.write(f"put back: the database of {done.created_at}{', and the keys' if done.keys else ''}")
        for step, count in done.steps.items():
            self.stdout.write(f"{step}: {count}")
        self.stdout.write("Start the site, and make two trips both ways: see docs/operations.md, disaster recovery.")
