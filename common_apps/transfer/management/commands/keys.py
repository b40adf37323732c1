"""`keys generate, fingerprint, export-public, trust, list`: who this site is, and whom it believes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from common_apps.audit.actors import SYSTEM
from common_apps.core.tables import print_table
from common_apps.transfer.keys import Kem, PublicKeys, read_public_file
from common_apps.transfer.management.plain_errors import told_plainly
from common_apps.transfer.services.key_changes import generate_keys, trust_keys
from common_apps.transfer.services.key_listing import list_keys
from common_apps.transfer.services.peer import site_keys

_WORDS_A_LINE = 8


class Command(BaseCommand):
    """Works before there are keys, so no system check stands in its way."""

    help = "Make this site's keys, show their words, write the public file, trust the other site's."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """A verb each."""
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        generate = verbs.add_parser("generate", help="make a signing and a box key in KEY_DIR")
        generate.add_argument("--kem", choices=[kem.value for kem in Kem], default=Kem.X25519.value)
        verbs.add_parser("fingerprint", help="the signing key's fingerprint, also as words to compare by voice")
        export = verbs.add_parser("export-public", help="write <site>.pub.json")
        export.add_argument("directory", nargs="?", type=Path, default=Path())
        trust = verbs.add_parser("trust", help="believe what the other site signs from now on")
        trust.add_argument("file", type=Path, metavar="FILE")
        trust.add_argument("--fingerprint", metavar="HEX", help="the expected fingerprint, instead of being asked")
        trust.add_argument("--replace", action="store_true", help="the other site has new keys; the old ones retire")
        listing = verbs.add_parser("list", help="own keys and trusted ones")
        listing.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        """Does the verb."""
        with told_plainly():
            getattr(self, "_" + options["verb"].replace("-", "_"))(options)

    def _generate(self, options: dict[str, Any]) -> None:
        self._show(generate_keys(kem=Kem(options["kem"]), actor=SYSTEM))

    def _fingerprint(self, options: dict[str, Any]) -> None:
        self._show(site_keys().public_keys())

    def _export_public(self, options: dict[str, Any]) -> None:
        path = site_keys().export_public(options["directory"])
        self.stdout.write(f"{path}: carry it to the {settings.PEER} site and say there: keys trust {path.name}")

    def _trust(self, options: dict[str, Any]) -> None:
        public = read_public_file(options["file"])
        self._show(public)
        expected = options["fingerprint"]
        if expected is not None and expected.lower() != public.fingerprint:
            raise CommandError(
                f"{options['file']} has the fingerprint {public.fingerprint}, not {expected}: nothing was trusted. "
                "Ask the other site to read its words again; if they differ, the file was exchanged on the way."
            )
        if expected is None and not self._confirmed(public):
            raise CommandError("Nothing was trusted.")
        changed = trust_keys(public=public, replace=options["replace"], actor=SYSTEM)
        self.stdout.write(f"The {public.site} site is trusted{'' if changed else ' already'}.")

    def _list(self, options: dict[str, Any]) -> None:
        print_table(self.stdout, list_keys(), as_json=options["json"])

    def _show(self, public: PublicKeys) -> None:
        self.stdout.write(f"{public.site} site, signing key {public.signing_version}: {public.fingerprint}")
        words = public.words
        for start in range(0, len(words), _WORDS_A_LINE):
            self.stdout.write("    " + " ".join(words[start : start + _WORDS_A_LINE]))

    def _confirmed(self, public: PublicKeys) -> bool:
        try:
            answer = input(f"Has somebody at the {public.site} site read these words to you? [yes/no] ")
        except EOFError:
            raise CommandError(
                "Nobody is here to be asked: give the expected fingerprint with --fingerprint."
            ) from None
        return answer.strip().lower() in ("y", "yes")
