"""`load_dataset NAME [FILE]`: documents into the search engine, and the index into the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import redis
from django.core.management.base import BaseCommand, CommandError, CommandParser

from common_apps.core.tables import print_table
from common_apps.queries.models import Index
from common_apps.queries.services import publish_dataset, publish_index
from response_site.execution.services.invalidate import invalidate_cache
from response_site.search.dataset import (
    DatasetDescription,
    DatasetError,
    description_beside,
    read_description,
    sample_file,
)
from response_site.search.engine import EngineUnavailable
from response_site.search.registry import get_engine
from response_site.search.services import LoadReport, load_dataset


class Command(BaseCommand):
    """Replaces the index in one step; after an error it is what it was."""

    help = "Load JSON lines (plain, .gz or .zst) as an index and enter it in the catalogue."

    def add_arguments(self, parser: CommandParser) -> None:
        """Define the command line."""
        parser.epilog = (
            "For example: load_dataset contracts, or: load_dataset tenders tenders.jsonl.zst --every-profile"
        )
        parser.add_argument("name", metavar="NAME", help="the index; `contracts` without FILE is the sample")
        parser.add_argument("file", metavar="FILE", nargs="?", type=Path, help="documents, one JSON object a line")
        parser.add_argument(
            "--dataset",
            type=Path,
            metavar="JSON",
            help="the description: index, title, mapping, chips, metric (default: FILE's name with .json)",
        )
        parser.add_argument(
            "--profile",
            action="append",
            metavar="PROFILE",
            help="a profile type that may ask this index; repeat for more (default: as before, at first none)",
        )
        parser.add_argument("--every-profile", action="store_true", help="every profile type may ask this index")
        parser.add_argument("--json", action="store_true", dest="as_json", help="one JSON array alone on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it."""
        name: str = options["name"]
        sample = sample_file(name)
        file: Path | None = options["file"] or sample
        if file is None:
            raise CommandError(f'There is no sample "{name}"; name a FILE with its documents.')
        try:
            description = read_description(options["dataset"] or description_beside(file))
            report = load_dataset(
                engine=get_engine(), name=name, file=file, dataset=description, progress=self._show_progress
            )
        except (DatasetError, EngineUnavailable) as error:
            raise CommandError(str(error)) from error
        every = options["every_profile"] or (options["file"] is None and not options["profile"])
        self._publish(report, description, None if every else options["profile"], every=every)
        self._forget_answers(name)
        rows = [{"index": report.index, "documents": report.documents, "seconds": round(report.seconds, 1)}]
        print_table(self.stdout, rows, as_json=options["as_json"])

    def _publish(
        self, report: LoadReport, description: DatasetDescription, profiles: list[str] | None, *, every: bool
    ) -> None:
        if profiles is None and not every:
            known = Index.objects.filter(name=report.index).first()
            if known is None:
                profiles = []
                self.stderr.write(f"No profile may ask {report.index} yet: give --profile or --every-profile.")
            elif not known.every_profile_type:
                profiles = list(known.profile_types)
        publish_index(name=report.index, title=description.title, fields=report.fields, profile_types=profiles)
        publish_dataset(name=report.index, index=report.index, chips=description.chips, metric=description.metric)

    def _forget_answers(self, name: str) -> None:
        try:
            invalidate_cache(index=name)
        except redis.RedisError:
            self.stderr.write("The cache does not answer: once back, it may give older answers for half an hour.")

    def _show_progress(self, documents: int) -> None:
        ending = "\r" if self.stderr.isatty() else "\n"
        if self.stderr.isatty() or documents % 10_000 == 0:
            self.stderr.write(f"{documents} documents", ending=ending)
