"""The hostile stick, by fixed seeds; `make soak` goes on with others."""

from collections.abc import Iterator

import pytest

from tests.model.history import Tally
from tests.model.machine import run_machine
from tests.model.mutations import find, run_trace
from tests.model.sites import Sites, two_sites
from tests.model.soak import soak
from tests.model.traces import TRACES

SEED = 20261123
RUNS = 11


@pytest.fixture(scope="module")
def sites() -> Iterator[Sites]:
    with two_sites() as found:
        yield found


def tell(capfd: pytest.CaptureFixture[str], tally: Tally) -> None:
    with capfd.disabled():
        print(f"\n{tally.line()}")


@pytest.mark.timeout(1800)
def test_every_request_is_answered_once_whatever_the_stick_does(capfd: pytest.CaptureFixture[str]) -> None:
    tally = soak(seed=SEED, runs=RUNS)
    tell(capfd, tally)
    assert tally.steps >= 2000
    assert (tally.lost, tally.doubled, tally.forged) == (0, 0, 0)


@pytest.mark.timeout(600)
def test_the_same_holds_when_hypothesis_drives(sites: Sites, capfd: pytest.CaptureFixture[str]) -> None:
    tally = Tally()
    run_machine(sites, tally, examples=3, steps=40)
    tell(capfd, tally)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "trace", ["a sidecar lost", "a state's file damaged", "a backup from before a key was confirmed"]
)
def test_no_promise_is_broken_in_a_short_trace(sites: Sites, trace: str) -> None:
    assert trace in TRACES
    run_trace(sites, Tally(), trace)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("rule", ["signature", "duplicate", "miss"])
def test_the_model_finds_it_when_a_rule_is_left_out(sites: Sites, rule: str) -> None:
    assert find(sites, Tally(), rule) is not None
