"""Medians, ratios, and the table that is printed."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

RUNS = 5


@dataclass
class Ratio:
    """One row: what was measured beside its reference, in the same minute.

    `ours` and `reference` are one figure a run, in `unit`; `ratio` is ours / reference of the medians.
    `target`: what performance.md asks, as text; `met` is None where it asks nothing of this ratio.
    """

    what: str
    unit: str
    reference_is: str
    ours: list[float] = field(default_factory=list)
    reference: list[float] = field(default_factory=list)
    target: str = ""
    limit: float | None = None
    at_least: bool = True
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        return statistics.median(self.ours) / statistics.median(self.reference)

    @property
    def met(self) -> bool | None:
        if self.limit is None:
            return None
        return self.ratio >= self.limit if self.at_least else self.ratio <= self.limit

    def as_row(self) -> dict[str, Any]:
        """For bench/results.json."""
        return {
            "what": self.what,
            "unit": self.unit,
            "ours": {"median": statistics.median(self.ours), "runs": self.ours},
            "reference": {
                "is": self.reference_is,
                "median": statistics.median(self.reference),
                "runs": self.reference,
            },
            "ratio": self.ratio,
            "target": self.target,
            "met": self.met,
            **self.notes,
        }

    def __str__(self) -> str:
        verdict = {True: "met", False: "NOT met", None: "no target"}[self.met]
        lines = [
            f"{self.what}",
            f"    ours       {statistics.median(self.ours):>14,.1f} {self.unit}   (median of {len(self.ours)})",
            f"    reference  {statistics.median(self.reference):>14,.1f} {self.unit}   {self.reference_is}",
            f"    ratio      {self.ratio:>14.2f}   target {self.target or 'none'}: {verdict}",
        ]
        lines += [f"    {name}: {value}" for name, value in self.notes.items()]
        return "\n".join(lines)


def alternate(runs: int, *sides: Callable[[], float]) -> list[list[float]]:
    """Run each side once to warm up, then `runs` times in turn, so that a drift of the machine hits all alike."""
    for side in sides:
        side()
    figures: list[list[float]] = [[] for _ in sides]
    for _ in range(runs):
        for kept, side in zip(figures, sides, strict=True):
            kept.append(side())
    return figures
