"""What a carry did, for the table, the page and the API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal
from uuid import UUID

from common_apps.transfer.media.errors import StickError
from common_apps.transfer.services.met import ImportOutcome

Fate = Literal["written", "there", "left", "missing"]
Phase = Literal["take", "wait", "check", "write"]
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
        values = asdict(replace(self, fault=None))
        values["taken"] = [{"trip": each.trip, **asdict(each.outcome)} for each in self.taken]
        values["fault"] = self.fault and describe_fault(self.fault)
        values["exit_code"] = self.exit_code
        return values


def describe_fault(error: StickError) -> dict[str, str]:
    """{code, detail, cure}."""
    return {"code": str(error.code), "detail": error.detail, "cure": error.cure}


@dataclass(frozen=True, slots=True)
class StickStatus:
    """What is on a stick, and what a carry would do; nothing was changed.

    ``free``: bytes, None where the stick doesn't tell. ``to_take``: bundles of the other site that lie there complete,
    ``known`` of them are applied already by their names; ``incomplete``: those without a sidecar. ``to_go``: what this
    site has to send, ``there`` of it lies there by name and size; ``torn``: what a pulled stick has left of ours.
    """

    stick: str
    free: int | None
    is_read_only: bool
    to_take: int
    to_take_bytes: int
    known: int
    incomplete: int
    to_go: int
    to_go_bytes: int
    there: int
    torn: int
    peer_trips: int
    own_trips: int
