"""Backups of databases and keys put back behind the sites' backs, with the clocks right and wrong.

Two sites, each a process with a database of its own, and one stick. A case goes on where the one before it has ended.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from tests.model.sites import START, ModelSite, Sites, two_sites

_YEAR = 365.25 * 86_400
_TRIPS = 6
_numbers = count(1)

CLOCKS = {"right": 0.0, "ahead": 10 * _YEAR, "back": -10 * _YEAR}
PUT_BACK = {"request": ("request",), "response": ("response",), "both": ("request", "response")}
SETS = (("request", False), ("response", False), ("both", False), ("both", True))
# Every pair of what was put back and the clock, and each with and without the command: by turns, or all with
# AIRFERRY_ALL_BACKUPS=1.
CASES = [
    pytest.param(
        which,
        keys,
        command,
        clock,
        id="-".join([which, "with_keys" if keys else "without_keys", "restore" if command else "silent", clock]),
    )
    for row, (which, keys) in enumerate(SETS)
    for column, clock in enumerate(CLOCKS)
    for command in (False, True)
    if os.environ.get("AIRFERRY_ALL_BACKUPS") or command == bool((row + column) % 2)
]


@dataclass
class World:
    """Both sites, their clocks, and all that was ever asked."""

    sites: Sites
    at: float = START
    wrong: dict[str, float] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    recovered: set[str] = field(default_factory=set)

    def do(self, name: str, step: str, **arguments: Any) -> Any:
        """One step, a minute after the last."""
        self.at += 60
        return self.sites[name].do(step, at=self.at + self.wrong.get(name, 0.0), **arguments)

    def ask(self, how_many: int = 3) -> set[str]:
        """So many questions; their ids."""
        asked = set(self.do("request", "submit", numbers=[next(_numbers) for _ in range(how_many)]))
        assert len(asked) == how_many
        self.asked |= asked
        return asked

    def sync(self, name: str) -> None:
        """The stick is plugged in there, and the command typed."""
        assert self.do(name, "sync", path=str(self.sites.stick)) is None

    def cross(self) -> None:
        """Half a trip: what waits lies at the response site, and is not answered yet."""
        self.sync("request")
        self.sync("response")

    def answer(self) -> None:
        """The other half."""
        self.do("response", "execute", limit=1000)
        self.sync("response")
        self.sync("request")

    def drain(self) -> None:
        """Ordinary trips until nothing but holdings lies on the stick; the request site's begins them."""
        self.sync("request")
        for _ in range(_TRIPS):
            self.sync("response")
            self.answer()
            if sorted(self.on_stick()) == ["holdings", "holdings"]:
                return
        raise AssertionError(f"after {_TRIPS} trips the stick holds {self.on_stick()}")

    def on_stick(self) -> list[str]:
        """The streams of the bundles that lie there."""
        return [
            path.name.rpartition("_")[0].rpartition("_")[0].rpartition("_")[0]
            for path in self.sites.stick.rglob("*.enc")
        ]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Two sites that have met: users, profile types and the catalogue have crossed."""
    with two_sites() as sites:
        (sites.stick / "airferry").mkdir()
        world = World(sites)
        for name in ("response", "request", "response"):
            world.sync(name)
        yield world


def _requests(site: ModelSite) -> dict[str, tuple[str, bool]]:
    return {
        str(key): (status, recovered)
        for key, status, recovered in site.rows("SELECT id, status, recovered FROM requests")
    }


def _known(world: World) -> set[str]:
    """What either site's rows know."""
    there = world.sites.response.rows("SELECT original_request_id::text FROM incoming_requests")
    return {*_requests(world.sites.request), *(key for (key,) in there)}


def _alerts(site: ModelSite) -> dict[str, dict[str, Any]]:
    return dict(site.rows("SELECT code, facts FROM alerts WHERE ended_at IS NULL"))


def _users(site: ModelSite) -> set[tuple[Any, ...]]:
    return set(site.rows("SELECT id, username, is_active FROM users WHERE NOT absent"))


def _check_answers(world: World) -> None:
    """Every question that is known is answered, once, by the answer that is its own."""
    request, response = world.sites.both()
    open_rows = request.rows("SELECT id, status FROM requests WHERE status <> 'completed'")
    assert open_rows == []
    wrong = request.rows(
        "SELECT r.id FROM requests r LEFT JOIN responses a ON a.request_id = r.id"
        " WHERE a.result_data->>'answer_to' IS DISTINCT FROM r.id::text"
    )
    assert wrong == []
    assert response.rows("SELECT id FROM incoming_requests WHERE status <> 'completed'") == []
    assert response.rows("SELECT id FROM query_results WHERE delivery <> 'confirmed'") == []
    assert set(_requests(request)) <= world.asked
    assert _users(request) == _users(response)


@pytest.mark.parametrize(("which", "keys", "command", "clock"), CASES)
def test_backup_put_back_heals_by_ordinary_trips(
    world: World, which: str, keys: bool, command: bool, clock: str
) -> None:
    sites = world.sites
    world.ask()
    world.cross()
    world.ask()
    world.do("request", "export")
    backups = {name: sites[name].back_up() for name in PUT_BACK[which]}
    if keys:
        for name in backups:
            world.do(name, "rotate_box")
    world.do("response", "rename_user", which=next(_numbers), number=next(_numbers))
    world.answer()
    world.ask()
    world.sync("response")
    world.answer()
    world.ask()
    world.cross()
    never_carried = world.ask()

    for name, backup in backups.items():
        sites[name].put_back(backup, keys=keys)
        world.wrong[name] = CLOCKS[clock]
        if command:
            world.do(name, "settle_restored", created_at="an earlier day")
    kept = set(_requests(sites.request))
    known = _known(world)
    world.drain()

    _check_answers(world)
    after = _requests(sites.request)
    assert known <= set(after)
    assert {key for key, (_, recovered) in after.items() if recovered and key in kept} <= world.recovered
    if "request" in backups:
        assert not never_carried & set(after)
        if "response" not in backups:
            assert {key for key, (_, recovered) in after.items() if recovered} >= known - kept
    told = {site.name: set(_alerts(site)) for site in sites.both()}
    # Of two that were both put back, the second to be asked may meet nothing that remembers it.
    needed = {name: {"site_rolled_back"} if name in backups else set() for name in told}
    assert told == needed or (which == "both" and told == needed | {"response": set()}), told
    for site in sites.both():
        site.database.execute("UPDATE alerts SET ended_at = last_at WHERE ended_at IS NULL")
    world.recovered = {key for key, (_, recovered) in after.items() if recovered}

    # The clock is set right: nothing that was written meanwhile stands in the way.
    world.wrong.clear()
    asked = world.ask()
    world.drain()
    _check_answers(world)
    assert asked <= set(_requests(sites.request))
    assert _alerts(sites.request) == _alerts(sites.response) == {}
