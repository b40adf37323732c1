"""What was done in a run of the model, and in all of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Any

from tests.model.stick import Written


@dataclass
class Tally:
    """What was done, over all runs. ``forgotten``: requests that a backup took away before they were ever carried."""

    runs: int = 0
    steps: int = 0
    trips: int = 0
    requests: int = 0
    answered: int = 0
    forgotten: int = 0
    lost: int = 0
    doubled: int = 0
    forged: int = 0
    faults: Counter[str] = field(default_factory=Counter)

    def line(self) -> str:
        """For people."""
        return (
            f"{self.steps} steps, {self.trips} trips, {sum(self.faults.values())} faults in {self.runs} runs; of "
            f"{self.requests} requests {self.answered} answered, {self.forgotten} forgotten with a backup before they "
            f"were carried; {self.lost} lost, {self.doubled} doubled, {self.forged} forged"
        )

    def add(self, other: Tally) -> None:
        """What somebody else did."""
        for each in fields(self):
            if each.name != "faults":
                setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))
        self.faults += other.faults


@dataclass
class Seen:
    """What was last seen of a site; what is final in it must stay."""

    answers: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    requests: set[str] = field(default_factory=set)


@dataclass
class History:
    """What was done to two sites: without it nobody can say what must be true of them.

    ``spoilt``: checksums of sound bundles whose name or sidecar was spoilt. ``misread``: streams that a reader took
    for bad ones. ``versions`` and ``active``: as last seen.
    """

    asked: dict[str, int] = field(default_factory=dict)
    executed: Counter[str] = field(default_factory=Counter)
    written: dict[str, Written] = field(default_factory=dict)
    users: set[tuple[Any, ...]] = field(default_factory=set)
    restored: Counter[str] = field(default_factory=Counter)
    forgotten: set[str] = field(default_factory=set)
    seen: Seen = field(default_factory=Seen)
    spoilt: set[str] = field(default_factory=set)
    misread: set[str] = field(default_factory=set)
    discarded: set[str] = field(default_factory=set)
    keys_restored: set[str] = field(default_factory=set)
    days: int = 0
    versions: dict[str, dict[str, int]] = field(default_factory=dict)
    active: set[str] = field(default_factory=set)
