"""`audit verify`: is the audit log still what was sealed?"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from common_apps.audit.services import seal, verify


class Command(BaseCommand):
    """Seals what is not sealed yet, then walks the whole chain."""

    help = "Seal new audit rows and check the whole hash chain; exit 1 at the first break."

    def add_arguments(self, parser: CommandParser) -> None:
        """The verb."""
        parser.epilog = "For example: audit verify"
        parser.add_argument("verb", choices=["verify"], help="walk the chain")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prints how many links hold."""
        sealed = seal()
        checked, found = verify()
        if found is not None:
            raise CommandError(
                f"the chain breaks at link {found.seq} (audit row {found.audit_id}): {found.detail}. "
                f"The {checked} links before it hold."
            )
        self.stdout.write(f"{checked} links hold, {sealed} of them new")
