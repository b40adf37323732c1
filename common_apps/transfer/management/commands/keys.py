"""`keys generate, fingerprint, export-public, trust, rotate, confirm, revoke, list`: who this site is, and whom it
believes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from common_apps.audit.actors import SYSTEM
from common_apps.core.tables import print_table
from common_apps.transfer.keys import Kem, PublicKeys, read_public_file, words_of
from common_apps.transfer.management.plain_errors import told_plainly
from common_apps.transfer.services.key_changes import (
    confirm_signing_key,
    export_public_keys,
    generate_keys,
    revoke_signing_key,
    rotate_box_key,
    rotate_signing_key,
    trust_keys,
)
from common_apps.transfer.services.key_listing import list_keys, unconfirmed_keys
from common_apps.transfer.services.key_retirement import BOX_DAYS, TRUSTED_DAYS
from common_apps.transfer.services.peer import site_keys

_WORDS_A_LINE = 8


class Command(BaseCommand):
    """Works before there are keys, so no system check stands in its way."""

    help = "Make, show and replace this site's keys; trust, confirm and revoke those of the other site (docs/keys.md)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """A verb each."""
        parser.epilog = "For example: keys trust request.pub.json"
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        generate = verbs.add_parser("generate", help="make a signing and a box key in KEY_DIR")
        generate.add_argument(
            "--kem",
            choices=[kem.value for kem in Kem],
            default=Kem.X25519.value,
            help="of the box key; default: x25519",
        )
        verbs.add_parser("fingerprint", help="the signing key's fingerprint, also as words to compare by voice")
        export = verbs.add_parser("export-public", help="write <site>.pub.json")
        export.add_argument("directory", nargs="?", type=Path, default=Path(), metavar="DIR", help="default: here")
        trust = verbs.add_parser("trust", help="believe what the other site signs from now on")
        trust.add_argument("file", type=Path, metavar="FILE", help="the other site's <site>.pub.json")
        trust.add_argument("--fingerprint", metavar="HEX", help="the expected fingerprint, instead of being asked")
        trust.add_argument("--replace", action="store_true", help="the other site has new keys; the old ones retire")
        rotate = verbs.add_parser("rotate", help="a new box key, or signing key, told to the other site by itself")
        rotate.add_argument("--signing", action="store_true", help="a signing key: their operator has to confirm it")
        rotate.add_argument("--kem", choices=[kem.value for kem in Kem], help="of the box key; default: as it is now")
        confirm = verbs.add_parser("confirm", help="believe a signing key that the other site has announced")
        confirm.add_argument(
            "fingerprint", nargs="?", metavar="FINGERPRINT", help="the expected fingerprint, instead of being asked"
        )
        revoke = verbs.add_parser("revoke", help="never again believe a signing key of the other site")
        revoke.add_argument("fingerprint", metavar="FINGERPRINT", help="as `keys list` shows it")
        listing = verbs.add_parser("list", help="own keys and trusted ones")
        listing.add_argument("--json", action="store_true", help="one JSON array, a key an object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Does the verb."""
        with told_plainly():
            getattr(self, "_" + options["verb"].replace("-", "_"))(options)

    def _generate(self, options: dict[str, Any]) -> None:
        self._show(generate_keys(kem=Kem(options["kem"]), actor=SYSTEM))

    def _fingerprint(self, options: dict[str, Any]) -> None:
        self._show(site_keys().public_keys())

    def _export_public(self, options: dict[str, Any]) -> None:
        path = export_public_keys(directory=options["directory"], actor=SYSTEM)
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
        if expected is None and not self._have_been_read(public.site):
            raise CommandError("Nothing was trusted.")
        changed = trust_keys(public=public, replace=options["replace"], actor=SYSTEM)
        self.stdout.write(f"The {public.site} site is trusted{'' if changed else ' already'}.")

    def _rotate(self, options: dict[str, Any]) -> None:
        if options["signing"]:
            if options["kem"]:
                raise CommandError("--kem is for box keys: leave out --signing, or --kem.")
            self._show(rotate_signing_key(actor=SYSTEM))
            self.stdout.write(
                f"The next holdings announce it. On the {settings.PEER} site somebody compares these words with you "
                "and says: keys confirm. Until then this site signs with the key before."
            )
            return
        public = rotate_box_key(kem=Kem(options["kem"]) if options["kem"] else None, actor=SYSTEM)
        self._show_box(public)
        self.stdout.write(
            f"The next holdings announce it, and the {settings.PEER} site writes to it from then on. The one before "
            f"still opens what comes under it; it retires {BOX_DAYS} days after the other site has heard of this one."
        )

    def _confirm(self, options: dict[str, Any]) -> None:
        fingerprint = options["fingerprint"]
        if fingerprint is not None:
            self._believe(fingerprint)
            return
        waiting = unconfirmed_keys()
        if not waiting:
            raise CommandError(
                f"The {settings.PEER} site has announced no key that waits. It does so with its next holdings after: "
                "keys rotate --signing"
            )
        for row in waiting:
            self._show_words(f"{row['site']} site announces signing key {row['version']}", row["fingerprint"])
            if self._have_been_read(row["site"]):
                self._believe(row["fingerprint"])
            else:
                self.stdout.write("Not confirmed.")

    def _believe(self, fingerprint: str) -> None:
        confirm_signing_key(fingerprint=fingerprint, actor=SYSTEM)
        self.stdout.write(
            f"The key is believed. The next holdings tell the {settings.PEER} site, which signs with it from then on; "
            f"the one before is believed for {TRUSTED_DAYS} more days, or until: keys revoke"
        )

    def _revoke(self, options: dict[str, Any]) -> None:
        revoke_signing_key(fingerprint=options["fingerprint"], actor=SYSTEM)
        self.stdout.write("The key is revoked: nothing that it has signed is taken any more.")
        if not site_keys().peer(settings.PEER).trusted_keys():
            self.stdout.write(
                f"No key of the {settings.PEER} site is believed now: nothing can be imported until its new public "
                "file was trusted (keys trust FILE --replace)."
            )

    def _list(self, options: dict[str, Any]) -> None:
        rows = list_keys()
        short = ("site", "use", "version", "status", "kem", "fingerprint")
        shown = rows if options["json"] else [{name: row[name] for name in short} for row in rows]
        print_table(self.stdout, shown, as_json=options["json"])
        if not options["json"]:
            for row in unconfirmed_keys():
                what = f"to be confirmed (keys confirm), {row['site']} site, signing key {row['version']}"
                self._show_words(what, row["fingerprint"])

    def _show(self, public: PublicKeys) -> None:
        self._show_words(f"{public.site} site, signing key {public.signing_version}", public.fingerprint)

    def _show_box(self, public: PublicKeys) -> None:
        self.stdout.write(f"{public.site} site, box key {public.box.version}, {public.box.kem}: {public.box.box_key}")

    def _show_words(self, what: str, fingerprint: str) -> None:
        self.stdout.write(f"{what}: {fingerprint}")
        words = words_of(bytes.fromhex(fingerprint))
        for start in range(0, len(words), _WORDS_A_LINE):
            self.stdout.write("    " + " ".join(words[start : start + _WORDS_A_LINE]))

    def _have_been_read(self, site: str) -> bool:
        try:
            answer = input(f"Has somebody at the {site} site read these words to you? [yes/no] ")
        except EOFError:
            raise CommandError("Nobody is here to be asked: give the expected fingerprint.") from None
        return answer.strip().lower() in ("y", "yes")
