"""`python -m tests.model.soak SECONDS [SEED]`: the hostile stick by the hour, from seed to seed; a failure names its own."""

from __future__ import annotations

import random
import sys
import time

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.crossing import Tally
from tests.model.machine import machine_for
from tests.model.sites import Sites, two_sites

EXAMPLES = 5
STEPS = 60


def run(sites: Sites, tally: Tally, number: int, *, examples: int = EXAMPLES, steps: int = STEPS) -> None:
    """So many examples from a seed. Raises AssertionError with the steps that lead there."""
    machine = machine_for(sites, tally)
    options = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    run_state_machine_as_test(seed(number)(machine), settings=options)


def main(arguments: list[str]) -> int:
    """Exit code 0 where every promise was kept."""
    seconds = float(arguments[0])
    first = int(arguments[1]) if len(arguments) > 1 else random.SystemRandom().randrange(2**32)
    tally = Tally()
    number = first
    with two_sites() as sites:
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            try:
                run(sites, tally, number)
            except AssertionError:
                print(f"seed {number}: python -m tests.model.soak 1 {number}")
                raise
            number += 1
    print(f"{tally.line()} in {time.monotonic() - began:.0f} s (seeds {first} to {number - 1})")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
