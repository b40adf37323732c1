"""The model as hypothesis drives it: each step is drawn from one table of moves, by its weight."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from common_apps.transfer.failpoints import CARRY_POINTS, EXPORT_POINTS, IMPORT_POINTS
from tests.model.crossing import STICKS, Crossing, Tally
from tests.model.sites import Sites

_SITE = st.sampled_from(["request", "response"])
_STICK = st.integers(0, STICKS - 1)
_WHICH = st.integers(0, 40)
_PART = st.integers(0, 999)
_POINT = st.sampled_from(sorted(EXPORT_POINTS | IMPORT_POINTS | CARRY_POINTS))
_READ = st.sampled_from(["requests", "results", "users", "holdings", "catalogue"])
_FORGED = st.sampled_from(
    [
        {"stream": "requests", "source": "request"},
        {"stream": "results", "source": "response"},
        {"stream": "users", "source": "response"},
        {"stream": "holdings", "source": "request"},
        {"stream": "holdings", "source": "response"},
    ]
)

# (how often, of which method of Crossing, with what)
_MOVES: list[tuple[int, str, st.SearchStrategy[dict[str, Any]]]] = [
    (6, "visit", st.fixed_dictionaries({"site": _SITE, "stick": _STICK})),
    (3, "submit", st.fixed_dictionaries({"count": st.integers(1, 3)})),
    (2, "execute", st.fixed_dictionaries({"limit": st.sampled_from([1, 50])})),
    (3, "change_users", st.fixed_dictionaries({"what": st.integers(0, 4), "which": st.integers(0, 3)})),
    (1, "export", st.fixed_dictionaries({"site": _SITE})),
    (2, "scan", st.fixed_dictionaries({"site": _SITE})),
    (2, "lose_bundle", st.fixed_dictionaries({"stick": _STICK, "which": _WHICH})),
    (1, "lose_stick", st.fixed_dictionaries({"stick": _STICK})),
    (2, "copy_stick", st.fixed_dictionaries({"stick": _STICK})),
    (3, "replay", st.fixed_dictionaries({"stick": _STICK, "which": _WHICH, "count": st.integers(1, 5)})),
    (2, "drop_in", st.fixed_dictionaries({"site": _SITE, "which": _WHICH, "whole": st.booleans()})),
    (2, "truncate", st.fixed_dictionaries({"stick": _STICK, "which": _WHICH, "part": _PART})),
    (2, "flip", st.fixed_dictionaries({"stick": _STICK, "which": _WHICH, "part": _PART})),
    (2, "rename", st.fixed_dictionaries({"stick": _STICK, "which": _WHICH, "other": _WHICH})),
    (1, "turn_back", st.fixed_dictionaries({"stick": _STICK, "which": _WHICH})),
    (1, "forge", st.tuples(_STICK, _FORGED).map(lambda drawn: {"stick": drawn[0], **drawn[1]})),
    (
        2,
        "splice",
        st.fixed_dictionaries({"stick": _STICK, "which": _WHICH, "other": _WHICH, "footer": st.booleans()}),
    ),
    (
        6,
        "crash",
        st.fixed_dictionaries({"site": _SITE, "stick": _STICK, "point": _POINT, "number": st.integers(1, 3)}),
    ),
    (2, "back_up", st.fixed_dictionaries({"site": _SITE})),
    (
        2,
        "restore",
        st.fixed_dictionaries(
            {"site": _SITE, "which": st.integers(0, 2), "what": st.sampled_from(["database", "keys", "both"])}
        ),
    ),
    (1, "set_clock", st.fixed_dictionaries({"site": _SITE, "days": st.sampled_from([-4000, -1, 0, 1, 40, 4000])})),
    (1, "pass_days", st.fixed_dictionaries({"site": _SITE, "count": st.sampled_from([1, 8, 20])})),
    (1, "clean_up", st.fixed_dictionaries({"site": _SITE})),
    (
        2,
        "rotate",
        st.fixed_dictionaries({"site": _SITE, "what": st.sampled_from(["box", "mlkem768-x25519", "signing"])}),
    ),
    (1, "confirm_keys", st.fixed_dictionaries({"site": _SITE})),
    (2, "misread_stream", st.fixed_dictionaries({"stream": _READ})),
    (1, "release", st.fixed_dictionaries({"site": _SITE})),
    (1, "discard", st.fixed_dictionaries({"site": _SITE})),
    (1, "lose_held", st.fixed_dictionaries({"site": _SITE})),
    (2, "lose_file", st.fixed_dictionaries({"site": _SITE, "which": _WHICH, "damaged": st.booleans()})),
]
MOVES: st.SearchStrategy[tuple[str, dict[str, Any]]] = st.one_of(
    [st.tuples(st.just(name), drawn) for weight, name, drawn in _MOVES for _ in range(weight)]
)


def machine_for(sites: Sites, tally: Tally, mutant: str | None = None) -> type[RuleBasedStateMachine]:
    """The state machine over these two sites; with a rule left out, where one is named."""

    class HostileStick(RuleBasedStateMachine):
        """Two sites and a stick that means no good."""

        def __init__(self) -> None:
            super().__init__()
            self.crossing: Crossing | None = None
            self.failed = False

        @initialize(met=st.booleans())
        def begin(self, met: bool) -> None:
            self.crossing = Crossing(sites, tally, met=met, mutant=mutant)

        @rule(move=MOVES)
        def move(self, move: tuple[str, dict[str, Any]]) -> None:
            assert self.crossing is not None
            try:
                self.crossing.step(*move)
            except BaseException:
                self.failed = True
                raise

        def teardown(self) -> None:
            if self.crossing is not None and not self.failed:
                self.crossing.finish()

    return HostileStick
