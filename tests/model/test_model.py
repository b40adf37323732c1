"""The hostile stick, by fixed seeds; `make soak` goes on with others."""

from collections.abc import Iterator

import pytest

from tests.model import soak
from tests.model.crossing import Tally
from tests.model.sites import Sites, two_sites

EXAMPLES = 20


@pytest.fixture(scope="module")
def sites() -> Iterator[Sites]:
    with two_sites() as found:
        yield found


@pytest.mark.timeout(600)
def test_every_request_is_answered_once_whatever_the_stick_does(
    sites: Sites, capfd: pytest.CaptureFixture[str]
) -> None:
    tally = Tally()
    soak.run(sites, tally, 1, examples=EXAMPLES)
    with capfd.disabled():
        print(f"\n{tally.line()}")
