"""The model as hypothesis drives it."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from common_apps.transfer.failpoints import EXPORT_POINTS, IMPORT_POINTS
from tests.model.crossing import STICKS, Crossing, Tally
from tests.model.sites import Sites

_SITES = st.sampled_from(["request", "response"])
_STICK = st.integers(0, STICKS - 1)
_WHICH = st.integers(0, 40)
_PARTS = st.integers(0, 999)


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
            self.crossing = Crossing(sites, tally, met=met)
            for site in sites.both():
                site.do("mutate", at=self.crossing.time, name=mutant)

        @rule(count=st.integers(1, 3))
        def submit(self, count: int) -> None:
            self._step("submit", count=count)

        @rule(limit=st.sampled_from([1, 50]))
        def execute(self, limit: int) -> None:
            self._step("execute", limit=limit)

        @rule(what=st.integers(0, 4), which=_WHICH)
        def change_users(self, what: int, which: int) -> None:
            self._step("change_users", what=what, which=which)

        @rule(site=_SITES)
        def export(self, site: str) -> None:
            self._step("export", site=site)

        @rule(site=_SITES, stick=_STICK)
        def sync(self, site: str, stick: int) -> None:
            self._step("sync", site=site, stick=stick)

        @rule(stick=_STICK)
        def visit_response(self, stick: int) -> None:
            self._step("sync", site="response", stick=stick)
            self._step("execute", limit=50)

        @rule(stick=_STICK)
        def visit_request(self, stick: int) -> None:
            self._step("submit", count=1)
            self._step("sync", site="request", stick=stick)

        @rule(stick=_STICK, which=_WHICH)
        def lose_bundle(self, stick: int, which: int) -> None:
            self._step("lose_bundle", stick=stick, which=which)

        @rule(stick=_STICK)
        def lose_stick(self, stick: int) -> None:
            self._step("lose_stick", stick=stick)

        @rule(stick=_STICK)
        def copy_stick(self, stick: int) -> None:
            self._step("copy_stick", stick=stick)

        @rule(stick=_STICK, which=_WHICH, count=st.integers(1, 5))
        def replay(self, stick: int, which: int, count: int) -> None:
            self._step("replay", stick=stick, which=which, count=count)

        @rule(stick=_STICK, which=_WHICH, part=_PARTS)
        def truncate(self, stick: int, which: int, part: int) -> None:
            self._step("truncate", stick=stick, which=which, part=part)

        @rule(stick=_STICK, which=_WHICH, part=_PARTS)
        def flip(self, stick: int, which: int, part: int) -> None:
            self._step("flip", stick=stick, which=which, part=part)

        @rule(
            site=_SITES,
            stick=_STICK,
            point=st.sampled_from(sorted(EXPORT_POINTS | IMPORT_POINTS)),
            number=st.integers(1, 3),
        )
        def crash(self, site: str, stick: int, point: str, number: int) -> None:
            self._step("crash", site=site, stick=stick, point=point, number=number)

        @rule(site=_SITES)
        def back_up(self, site: str) -> None:
            self._step("back_up", site=site)

        @rule(site=_SITES, which=st.integers(0, 3))
        def restore(self, site: str, which: int) -> None:
            self._step("restore", site=site, which=which)

        @rule(site=_SITES, days=st.sampled_from([-4000, -1, 0, 1, 40, 4000]))
        def set_clock(self, site: str, days: int) -> None:
            self._step("set_clock", site=site, days=days)

        def _step(self, name: str, **arguments: Any) -> None:
            assert self.crossing is not None
            tally.steps += 1
            try:
                getattr(self.crossing, name)(**arguments)
            except BaseException:
                self.failed = True
                raise

        def teardown(self) -> None:
            if self.crossing is not None and not self.failed:
                self.crossing.finish()

    return HostileStick
