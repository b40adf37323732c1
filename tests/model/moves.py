"""What can happen, how often, and with what: the one table from which hypothesis and the soak draw."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from common_apps.transfer.failpoints import CARRY_POINTS, EXPORT_POINTS, IMPORT_POINTS
from tests.model.crossing import STICKS


@dataclass(frozen=True)
class Move:
    """A method of Crossing: its weight, and what each of its arguments may be."""

    name: str
    weight: int
    arguments: dict[str, Sequence[Any]]


_SITE = ("request", "response")
_STICK = range(STICKS)
_WHICH = range(41)
_PART = range(1000)

# The cheapest first: it is what hypothesis takes for the simplest.
MOVES = (
    Move("lose_bundle", 2, {"stick": _STICK, "which": _WHICH}),
    Move("lose_stick", 1, {"stick": _STICK}),
    Move("copy_stick", 2, {"stick": _STICK}),
    Move("replay", 4, {"stick": _STICK, "which": _WHICH, "count": range(1, 6)}),
    Move("truncate", 3, {"stick": _STICK, "which": _WHICH, "part": _PART}),
    Move("flip", 3, {"stick": _STICK, "which": _WHICH, "part": _PART}),
    Move("rename", 2, {"stick": _STICK, "which": _WHICH, "other": _WHICH}),
    Move("turn_back", 2, {"stick": _STICK, "which": _WHICH}),
    Move("forge", 2, {"stick": _STICK, "stream": ("requests", "results", "users", "holdings")}),
    Move("splice", 2, {"stick": _STICK, "which": _WHICH, "other": _WHICH, "footer": (False, True)}),
    Move("drop_in", 2, {"site": _SITE, "which": _WHICH, "whole": (False, True)}),
    Move("submit", 4, {"count": range(1, 4)}),
    Move("execute", 2, {"limit": (1, 50)}),
    Move("change_users", 4, {"what": range(5), "which": range(4)}),
    Move("visit", 6, {"site": _SITE, "stick": _STICK}),
    Move("export", 1, {"site": _SITE}),
    Move("scan", 2, {"site": _SITE}),
    Move(
        "crash",
        6,
        {
            "site": _SITE,
            "stick": _STICK,
            "point": sorted(EXPORT_POINTS | IMPORT_POINTS | CARRY_POINTS),
            "number": range(1, 4),
        },
    ),
    Move("back_up", 2, {"site": _SITE}),
    Move("restore", 2, {"site": _SITE, "which": range(3), "what": ("database", "keys", "both")}),
    Move("set_clock", 2, {"site": _SITE, "days": (0, 1, -1, 40, 4000, -4000)}),
    Move("pass_days", 1, {"site": _SITE, "count": (1, 8, 20)}),
    Move("clean_up", 1, {"site": _SITE}),
    Move("rotate", 2, {"site": _SITE, "what": ("box", "mlkem768-x25519", "signing")}),
    Move("confirm_keys", 1, {"site": _SITE}),
    Move("misread_stream", 1, {"stream": ("requests", "results", "users", "holdings", "catalogue")}),
    Move("release", 1, {"site": _SITE}),
    Move("discard", 1, {"site": _SITE}),
    Move("lose_held", 1, {"site": _SITE}),
    Move(
        "lose_file",
        2,
        {"site": _SITE, "which": _WHICH, "how": ("lost", "damaged", "lost sidecar", "damaged sidecar")},
    ),
)
_WEIGHTS = [move.weight for move in MOVES]


def draw(chance: random.Random) -> tuple[str, dict[str, Any]]:
    """One move, by its weight."""
    (move,) = chance.choices(MOVES, _WEIGHTS)
    return move.name, {name: chance.choice(values) for name, values in move.arguments.items()}
