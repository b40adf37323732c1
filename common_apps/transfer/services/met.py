"""A file that was met: where it lies, and what is known of it so far."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal
from uuid import UUID

from common_apps.transfer.bundle.envelope import MeasuredFile, Signer
from common_apps.transfer.bundle.header import Header

# A fault of this site's own that has no code of the format.
INTERNAL_ERROR = "internal_error"

Settlement = Literal[
    "completed",
    "duplicate",
    "quarantined",
    "dropped",
    "waiting_sidecar",
    "waiting_data",
    "waiting_key",
    "waiting_schema",
    "ignored",
    "postponed",
]


@dataclass(frozen=True, slots=True)
class Again:
    """An operator has the file judged anew. ``row_id``: its row, which is kept. ``filename``: its name when it was met.

    ``quarantined``: its bytes lie in the quarantine, under a name of ours: there is no name and no sidecar to judge.
    ``released``: it is held, and stays so unless it is applied.
    """

    row_id: UUID
    filename: str
    quarantined: bool = False
    released: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file to be looked at.

    ``folder``: the stream folder of IMPORT_DIR in which it lies, None where no folder counts. ``explicit``: somebody
    named its path, so it needs no sidecar, is judged at once and stays where it lies. ``patient``: a scan, which
    waits while somebody is copying.
    """

    path: Path
    folder: str | None = None
    explicit: bool = False
    patient: bool = True
    again: Again | None = None

    @property
    def name(self) -> str:
        """The base name that it came with."""
        return self.again.filename if self.again else self.path.name

    @property
    def in_quarantine(self) -> bool:
        """Whether it is judged where it lies in the quarantine."""
        return self.again is not None and self.again.quarantined

    @property
    def released(self) -> bool:
        """Whether an operator releases it."""
        return self.again is not None and self.again.released

    @property
    def place(self) -> str:
        """Where it lies, as a text that a column and a terminal can hold."""
        return printable(str(self.path))


# Of a file: where it is, its size, and when it was written and changed last, by its host's and by this host's clock.
Traces = tuple[int, int, int, int, int]


def traces_of(path: Path) -> Traces:
    """What differs once somebody has put another file there, or written into this one. Raises OSError."""
    facts = path.lstat()
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


@dataclass(frozen=True, slots=True)
class Met:
    """What is known of a file: ``measured`` once it is copied, ``header`` and ``signer`` once they are trusted.
    ``traces`` are those of the file before it was looked at; None where it isn't judged one by one.
    """

    candidate: Candidate
    at: datetime
    day: int
    traces: Traces | None = None
    measured: MeasuredFile | None = None
    header: Header | None = None
    signer: Signer | None = None


@dataclass(frozen=True, slots=True)
class ImportOutcome:
    """One file of an import: what became of it, and its code where it has one.

    ``postponed`` is a fault of this site's own (``disk_full``, ``internal_error``): nothing was settled, the file is
    tried again.
    """

    file: str
    outcome: Settlement
    code: str | None = None
    stream: str = ""
    batch_id: UUID | None = None
    record_count: int = 0
    detail: str = ""

    @property
    def is_alarming(self) -> bool:
        """Whether the command ends with exit code 1."""
        return self.outcome in ("quarantined", "postponed") or self.code == "record_conflict"


def printable(name: str) -> str:
    """A name of bytes that are no UTF-8, with these escaped."""
    return name.encode("utf-8", "backslashreplace").decode()
