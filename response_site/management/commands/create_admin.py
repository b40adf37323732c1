"""Makes the first admin, who can log in here at once, and on the request site after a carry."""

from __future__ import annotations

import getpass
import secrets
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from common_apps.accounts.services.users import create_first_admin
from common_apps.audit.actors import SYSTEM
from common_apps.core.errors import DomainError
from common_apps.core.tables import print_table


class Command(BaseCommand):
    help = "Creates the admin (role and profile `admin`); refuses a second one unless --another."

    def add_arguments(self, parser: CommandParser) -> None:
        """Who it is, and where the password comes from."""
        parser.epilog = "For example: create_admin --username ada --email ada@example.org"
        parser.add_argument("--username", required=True, help="logs in on both sites, once users have been carried")
        parser.add_argument("--email", required=True, help="of that person")
        parser.add_argument(
            "--password-file",
            type=Path,
            help="a file that holds the password and nothing else; without it a terminal is asked, else one is made "
            "and printed once",
        )
        parser.add_argument("--another", action="store_true", help="even though there is an admin")
        parser.add_argument("--json", action="store_true", dest="as_json", help="one JSON array alone on stdout")

    def handle(self, **options: Any) -> None:
        """Prints who was made; the password only where it was generated."""
        password, generated = self._password(options["password_file"])
        try:
            user = create_first_admin(
                username=options["username"],
                email=options["email"],
                password=password,
                another=options["another"],
                actor=SYSTEM,
            )
        except DomainError as error:
            faults = "".join(f"\n  {fault.pointer.lstrip('/')}: {fault.detail}" for fault in error.errors)
            raise CommandError(error.detail + faults) from error
        row = {
            "id": str(user.pk),
            "username": user.username,
            "email": user.email,
            "role": user.role,
            "profile_type": user.profile_type_id,
            "password": password if generated else None,
        }
        print_table(self.stdout, [row], as_json=options["as_json"])
        if generated:
            self.stderr.write("The password is shown this once: write it down.")

    def _password(self, file: Path | None) -> tuple[str, bool]:
        """(password, whether it was generated). Asked of a person at a terminal; an empty answer generates one."""
        if file is not None:
            try:
                password = file.read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                raise CommandError(f"--password-file {file} can't be read as text: {error}") from error
            if not password:
                raise CommandError(f"--password-file {file} is empty; write the password into it.")
            return password, False
        if sys.stdin.isatty():
            password = getpass.getpass("Password (empty: one is made for you): ")
            if password:
                if getpass.getpass("Again: ") != password:
                    raise CommandError("The two are not the same; nothing was created.")
                return password, False
        return secrets.token_urlsafe(18), True
