"""`quarantine`: what was refused, why, and what to do with it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from common_apps.audit.actors import SYSTEM
from common_apps.core.tables import print_table
from common_apps.transfer.management.plain_errors import told_plainly
from common_apps.transfer.management.previews import preview_rows
from common_apps.transfer.models import ImportBatch
from common_apps.transfer.selectors import describe_quarantined, find_quarantined, quarantined
from common_apps.transfer.services.met import ImportOutcome
from common_apps.transfer.services.previewing import preview_quarantined
from common_apps.transfer.services.quarantine import discard, import_again, release_held

_ID = "the row's id, or the beginning of the file's checksum"
_SHORT = ("id", "file", "stream", "code", "held", "met_count", "created_at")
WARNINGS = {
    "release": "It is checked again. If nothing is wrong with it any more, it is applied, and that can't be undone.",
    "discard": "Its file is removed. If it is held, the other site is told, and nothing of it is ever applied here.",
    "import-again": "It is judged again, as if it had just come; if nothing is wrong with it, it is applied.",
}


class Command(BaseCommand):
    """A release or an import again that applies nothing is exit 1."""

    help = "Look at what lies in quarantine, release it, discard it, or have it judged again."

    def add_arguments(self, parser: CommandParser) -> None:
        """A verb each."""
        parser.epilog = "For example: quarantine discard 3f9a12c0 --reason 'asked by mistake'"
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        listing = verbs.add_parser("list", help="all of it, the newest first")
        listing.add_argument("--json", action="store_true", help="one JSON array, a file an object")
        for verb, text in (
            ("show", "one file, with its reason and cure"),
            ("preview", "what is in it, and what applying it would do; changes nothing"),
            ("release", "a held bundle: check it again, and apply it"),
            ("discard", "give it up"),
            ("import-again", "a file that is not held: judge it again, after a key was trusted, say"),
        ):
            one = verbs.add_parser(verb, help=text)
            one.add_argument("id", metavar="ID", help=_ID)
            one.add_argument("--json", action="store_true", help="one JSON array")
            if verb in WARNINGS:
                one.add_argument("--yes", action="store_true", help="don't ask")
            if verb == "discard":
                one.add_argument("--reason", required=True, help="for the audit")

    def handle(self, *args: Any, **options: Any) -> None:
        """Calls the verb."""
        with told_plainly():
            if options["verb"] == "list":
                self._list(as_json=options["json"])
                return
            row = self._find(options["id"])
            if options["verb"] == "show":
                self._print(describe_quarantined(row), as_json=options["json"])
                return
            if options["verb"] == "preview":
                rows = preview_rows(preview_quarantined(row.pk), as_json=options["json"])
                print_table(self.stdout, rows, as_json=options["json"])
                return
            if not options["yes"]:
                self._ask(row, options["verb"])
            if options["verb"] == "discard":
                discard(row_id=row.pk, actor=SYSTEM, reason=options["reason"])
                self._print({"file": row.filename, "outcome": "discarded"}, as_json=options["json"])
                return
            act = release_held if options["verb"] == "release" else import_again
            outcome = act(row_id=row.pk, actor=SYSTEM)
        self._tell(outcome, as_json=options["json"])

    def _list(self, *, as_json: bool) -> None:
        rows = [describe_quarantined(row) for row in quarantined()]
        shown = rows if as_json else [{name: row[name] for name in _SHORT} for row in rows]
        print_table(self.stdout, shown, as_json=as_json)
        if not rows and not as_json:
            self.stdout.write("The quarantine is empty.")

    def _find(self, name: str) -> ImportBatch:
        found = find_quarantined(name)
        if found is None:
            raise CommandError(f"Nothing in quarantine is called {name}; see: quarantine list")
        return found

    def _ask(self, row: ImportBatch, verb: str) -> None:
        self.stderr.write(f"{row.filename} ({row.code}). {WARNINGS[verb]}")
        try:
            answer = input(f"Type {verb} to go on: ")
        except EOFError:
            answer = ""
        if answer.strip() != verb:
            raise CommandError("Nothing was done. Scripts say --yes.")

    def _tell(self, outcome: ImportOutcome, *, as_json: bool) -> None:
        facts = {
            "file": outcome.file,
            "outcome": outcome.outcome,
            "code": outcome.code,
            "records": outcome.record_count,
            "detail": outcome.detail,
        }
        print_table(self.stdout, [facts], as_json=as_json)
        if outcome.outcome not in ("completed", "duplicate"):
            raise SystemExit(1)

    def _print(self, facts: dict[str, Any], *, as_json: bool) -> None:
        rows = [facts] if as_json else [{"field": name, "value": value} for name, value in facts.items()]
        print_table(self.stdout, rows, as_json=as_json)
