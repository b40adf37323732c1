"""What a carry did, for the table, the page and the API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from common_apps.transfer.media.errors import StickError
from common_apps.transfer.services.met import ImportOutcome

Fate = Literal["written", "there", "left", "missing"]
Phase = Literal["take", "wait", "write"]
# The phase, what of it is done, and how much there is: bytes, or answers.
Progress = Callable[[Phase, int, int], None]


def silent(phase: Phase, done: int, total: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A file of the other site's on the stick, and what became of it."""

    trip: str
    outcome: ImportOutcome


@dataclass(frozen=True, slots=True)
class Carried:
    """A bundle that has to go. ``written`` now, ``there`` already and read back; ``left`` because the stick has no
    room, ``missing`` because its file is gone or damaged (its records travel in another one soon).
    """

    batch_id: UUID
    stream: str
    file: str
    records: int
    size: int
    fate: Fate
    trip: str | None = None
    detail: str = ""

    @property
    def stays(self) -> bool:
        """Whether it is not on the stick."""
        return self.fate in ("left", "missing")


@dataclass(slots=True)
class SyncReport:
    """One carry at one site. ``repaired``: what a run that was broken off had left torn on the stick. ``unanswered``:
    how much of what had come still waited for an answer when the time was up. ``fault``: what ended it before it was
    done. Sizes in bytes, times in seconds.
    """

    stick: str
    trip: str | None = None
    taken: list[Taken] = field(default_factory=list)
    carried: list[Carried] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    removed: int = 0
    ignored: list[str] = field(default_factory=list)
    ignored_count: int = 0
    unanswered: int = 0
    waited_s: float = 0.0
    not_exported: list[str] = field(default_factory=list)
    seconds: float = 0.0
    safe_to_remove: bool = False
    fault: StickError | None = None

    @property
    def is_alarming(self) -> bool:
        """Whether somebody has to look: something was quarantined, or stays behind."""
        refused = any(each.outcome.is_alarming or each.outcome.outcome == "waiting_sidecar" for each in self.taken)
        return refused or any(each.stays for each in self.carried) or bool(self.not_exported)

    @property
    def exit_code(self) -> int:
        """0 fine, 1 somebody has to look, 2 it could not be done."""
        return 2 if self.fault else int(self.is_alarming)

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        values = asdict(self) if self.fault is None else asdict(_without_fault(self))
        values["taken"] = [{"trip": each.trip, **asdict(each.outcome)} for each in self.taken]
        values["fault"] = self.fault and {
            "code": self.fault.code,
            "detail": self.fault.detail,
            "cure": self.fault.cure,
        }
        values["exit_code"] = self.exit_code
        return values


@dataclass(frozen=True, slots=True)
class StickStatus:
    """What is on a stick, and what a carry would do; nothing was changed.

    ``to_take``: files of the other site; ``to_go``: what this site has to send, and how much of it is on the stick.
    """

    stick: str
    free: int | None
    read_only: bool
    to_take: int
    to_take_bytes: int
    incomplete: int
    to_go: int
    to_go_bytes: int
    there: int
    torn: int
    peer_trips: list[str]
    own_trips: list[str]
    last_carried_at: datetime | None


def _without_fault(report: SyncReport) -> SyncReport:
    """An exception is no data."""
    values = {name: getattr(report, name) for name in SyncReport.__slots__ if name != "fault"}
    return SyncReport(**values)
