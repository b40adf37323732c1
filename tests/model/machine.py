"""The model as hypothesis drives it."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.model.crossing import Crossing
from tests.model.history import Tally
from tests.model.moves import MOVES
from tests.model.sites import Sites

_DRAWN = st.one_of(
    [
        st.tuples(
            st.just(move.name),
            st.fixed_dictionaries({name: st.sampled_from(values) for name, values in move.arguments.items()}),
        )
        for move in MOVES
        for _ in range(move.weight)
    ]
)


def machine_for(sites: Sites, tally: Tally) -> type[RuleBasedStateMachine]:
    """The state machine over these two sites."""

    class HostileStick(RuleBasedStateMachine):
        """Two sites and a stick that means no good."""

        def __init__(self) -> None:
            super().__init__()
            self.crossing: Crossing | None = None
            self.broken = False

        @initialize(met=st.booleans())
        def begin(self, met: bool) -> None:
            self.crossing = Crossing(sites, tally, met=met)

        @rule(move=_DRAWN)
        def move(self, move: tuple[str, dict[str, Any]]) -> None:
            assert self.crossing is not None
            try:
                self.crossing.step(*move)
            except BaseException:
                self.broken = True
                raise

        def teardown(self) -> None:
            if self.crossing is not None and not self.broken:
                self.crossing.finish()

    return HostileStick


def run_machine(sites: Sites, tally: Tally, *, examples: int, steps: int) -> None:
    """The same runs each time. Raises AssertionError, with the moves that lead there made few."""
    options = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine_for(sites, tally), settings=options)
