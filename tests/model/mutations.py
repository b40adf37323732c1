"""`python -m tests.model.mutations [RULE ...]`: leaves each rule out, and tells by which trace the model finds it."""

from __future__ import annotations

import sys
import time

from tests.model.crossing import Crossing
from tests.model.history import Tally
from tests.model.promises import BrokenPromiseError
from tests.model.sites import Sites, two_sites
from tests.model.traces import NEEDED, OF_STRANGERS, TRACES


def run_trace(sites: Sites, tally: Tally, name: str, mutant: str | None = None) -> None:
    """The trace, and the end of every run. Raises AssertionError where a promise is broken."""
    crossing = Crossing(sites, tally, met=name not in OF_STRANGERS, mutant=mutant)
    for move in TRACES[name]:
        crossing.step(*move)
    crossing.finish()


def find(sites: Sites, tally: Tally, rule: str) -> str | None:
    """What the model says with the rule left out; None where it finds nothing."""
    try:
        run_trace(sites, tally, NEEDED[rule], mutant=rule)
    except BrokenPromiseError as broken:
        return str(broken)
    except AssertionError as error:
        return str(error).strip().splitlines()[-1]
    return None


def main(arguments: list[str]) -> int:
    """Exit code 0 where each trace is clean, and each rule is needed."""
    tally = Tally()
    bad = 0
    with two_sites() as sites:
        for rule in arguments or NEEDED:
            began = time.monotonic()
            try:
                run_trace(sites, tally, NEEDED[rule])
                clean = ""
            except AssertionError as error:
                clean = f"NOT CLEAN: {str(error).strip().splitlines()[-1]}"
            found = find(sites, tally, rule)
            bad += bool(clean) or found is None
            took = time.monotonic() - began
            print(f"| `{rule}` | {NEEDED[rule]} | {clean} {found or 'NOT FOUND'} | {took:.0f} s", flush=True)
    print(tally.line())
    return min(bad, 1)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
