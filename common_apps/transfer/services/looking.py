"""What lies in IMPORT_DIR: a look that costs little for each of very many files, and opens nothing."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from django.db.models import F

from common_apps.transfer.bundle.errors import Code
from common_apps.transfer.bundle.names import LATEST_NAME, SIDECAR_SUFFIX, parse_name, sidecar_name
from common_apps.transfer.bundle.streams import STREAMS
from common_apps.transfer.choices import ImportStatus
from common_apps.transfer.models import ImportBatch
from common_apps.transfer.services.met import Candidate, ImportOutcome, Met, printable
from common_apps.transfer.services.settling import PATIENCE_DAYS, describe_import

# So many names that are no bundle's are listed one by one; of the rest only the number is told.
_LISTED = 1000
_PAGE = 1000


@dataclass(slots=True)
class Found:
    """Names, not paths: there may be hundreds of thousands.

    ``ready`` are files with a sidecar beside them; ``bare`` lack it, or are no files. Each stands with its stream's
    folder (None: IMPORT_DIR itself).
    ``alone``: sidecars without their bundle.
    """

    ready: list[tuple[str | None, str]] = field(default_factory=list)
    bare: list[tuple[str | None, str]] = field(default_factory=list)
    alone: list[Path] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    more_ignored: int = 0

    def ignore(self, name: str) -> None:
        """It is named unlike a bundle and stays where it lies."""
        if len(self.ignored) < _LISTED:
            self.ignored.append(printable(name))
        else:
            self.more_ignored += 1

    def outcomes(self) -> list[ImportOutcome]:
        """What is ignored, as rows of the command's table."""
        told = [ImportOutcome(file=name, outcome="ignored") for name in self.ignored]
        if self.more_ignored:
            told.append(ImportOutcome(file=f"... and {self.more_ignored:,} more", outcome="ignored"))
        return told


def look_into(folder: Path, stream: str | None, found: Found) -> None:
    """Sorts the names in one folder; only a look at the directory. Raises OSError."""
    with os.scandir(folder) as entries:
        # From the directory itself where it tells; no link is followed.
        names = {entry.name: entry.is_file(follow_symlinks=False) for entry in entries}
    for name, is_file in names.items():
        if parse_name(name) is not None:
            (found.ready if is_file and sidecar_name(name) in names else found.bare).append((stream, name))
            continue
        bundle = name.removesuffix(SIDECAR_SUFFIX)
        if bundle != name and parse_name(bundle) is not None:
            if bundle not in names:
                found.alone.append(folder / name)
        elif name != LATEST_NAME and (stream or name not in STREAMS or not is_folder(folder / name)):
            found.ignore(name)


def is_folder(path: Path) -> bool:
    """Whether it is one, and no link to one."""
    return path.is_dir() and not path.is_symlink()


def pages(bare: Sequence[tuple[str | None, str]]) -> Iterator[Sequence[tuple[str | None, str]]]:
    """The names, a thousand at a time."""
    for start in range(0, len(bare), _PAGE):
        yield bare[start : start + _PAGE]


def settle_bare(
    candidates: Sequence[Candidate], *, at: datetime, day: int
) -> tuple[list[ImportOutcome], list[Candidate]]:
    """A page of bare ones, in a handful of queries: what waits as before, or for the first time, and what
    is no plain file, as before. And the others, which have to be judged one by one.

    The caller holds the import lock.
    """
    rows = {
        row.file_path: row
        for row in ImportBatch.objects.filter(
            file_path__in=[each.place for each in candidates],
            status__in=(ImportStatus.WAITING_SIDECAR, ImportStatus.FAILED),
            held_at=None,
            discarded_at=None,
        ).only("pk", "file_path", "status", "code", "first_day", "error_message")
    }
    outcomes: list[ImportOutcome] = []
    others: list[Candidate] = []
    again: list[ImportBatch] = []
    new: list[ImportBatch] = []
    for candidate in candidates:
        is_plain = _is_plain(candidate.path)
        if is_plain is None:
            continue
        row = rows.get(candidate.place)
        met = Met(candidate=candidate, at=at, day=day)
        if row is None and is_plain:
            new.append(_waiting_row(met))
        elif row is None or not _is_as_before(row, is_plain, day):
            others.append(candidate)
            continue
        else:
            again.append(row)
        if is_plain:
            outcomes.append(describe_import(met, "waiting_sidecar", "waiting_sidecar"))
        else:
            outcomes.append(describe_import(met, "quarantined", Code.NOT_REGULAR, row.error_message if row else ""))
    ImportBatch.objects.bulk_create(new)
    ImportBatch.objects.filter(pk__in=[row.pk for row in again]).update(
        met_count=F("met_count") + 1, last_met_at=at, last_met_day=day
    )
    return outcomes, others


def _is_plain(path: Path) -> bool | None:
    """Whether it is a plain file with one link; None where it has vanished."""
    try:
        facts = path.lstat()
    except FileNotFoundError:
        return None
    return stat.S_ISREG(facts.st_mode) and facts.st_nlink == 1


def _is_as_before(row: ImportBatch, is_plain: bool, day: int) -> bool:
    if is_plain:
        return row.status == ImportStatus.WAITING_SIDECAR and day - row.first_day < PATIENCE_DAYS
    return row.code == Code.NOT_REGULAR


def _waiting_row(met: Met) -> ImportBatch:
    return ImportBatch(
        filename=met.candidate.name,
        file_path=met.candidate.place,
        status=ImportStatus.WAITING_SIDECAR,
        code=ImportStatus.WAITING_SIDECAR,
        created_at=met.at,
        first_day=met.day,
        last_met_at=met.at,
        last_met_day=met.day,
    )
