"""Two sites with an automatic copier between them: once each knows what the other holds, nothing more is written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.model.sites import PEER, START, ModelSite, Sites, two_sites

# A round is 60 to 100 ms of two processors. `make test` tries fewer than the thousand that were tried once, and are
# tried again with AIRFERRY_IDLE_ROUNDS=1000.
ROUNDS = int(os.environ.get("AIRFERRY_IDLE_ROUNDS", "300"))
_SECONDS = 30.0
_DAY = 24 * 3600.0


@pytest.fixture(scope="module")
def sites() -> Iterator[Sites]:
    with two_sites() as pair:
        yield pair


def _copy(here: ModelSite, there: ModelSite) -> None:
    """As rsync without a memory: whatever lies there to go is copied, again and again."""
    for data in here.exports.glob("*/*.enc"):
        folder = there.imports / data.parent.name
        folder.mkdir(exist_ok=True)
        for file in (data, Path(f"{data}.meta.json")):
            shutil.copy(file, folder / file.name)


def _round(sites: Sites, at: float) -> dict[str, list[str]]:
    """Both sites export, the copier goes both ways, both import; the files that each wrote."""
    written = _at_once(sites, "export", at)
    for site in sites.both():
        _copy(site, sites[PEER[site.name]])
    taken = _at_once(sites, "scan", at)
    assert {each["outcome"] for outcomes in taken.values() for each in outcomes} <= {"completed", "duplicate"}
    return written


def _at_once(sites: Sites, step: str, at: float) -> dict[str, Any]:
    """What the step gives on each site, by the site's name; there is a processor for each."""
    with ThreadPoolExecutor(2) as pool:
        said = pool.map(lambda site: site.do(step, at=at), sites.both())
        return dict(zip(("request", "response"), said, strict=True))


def _until_silent(sites: Sites, at: float, most: int) -> list[dict[str, list[str]]]:
    """Rounds until neither site writes anything; what was written before."""
    rounds = []
    for number in range(most):
        rounds.append(_round(sites, at + number * _SECONDS))
        if not any(rounds[-1].values()):
            return rounds[:-1]
    raise AssertionError(f"still talking after {most} rounds: {rounds[-1]}")


@pytest.mark.timeout(1_200)  # a thousand rounds, on a busy machine
def test_sites_fall_silent_and_stay_so_when_a_copier_joins_them(sites: Sites) -> None:
    at = START + 60.0
    talked = _until_silent(sites, at, most=8)
    assert any(talked[0].values())
    at += 8 * _SECONDS
    for number in range(ROUNDS):
        assert _round(sites, at + number * 0.5) == {"request": [], "response": []}, number


def test_sites_write_holdings_once_a_day_and_nothing_else(sites: Sites) -> None:
    at = START + 2 * _DAY
    _until_silent(sites, at, most=8)
    for day in range(1, 4):
        today = at + day * _DAY
        written = [_round(sites, today + number * _SECONDS) for number in range(6)]
        for name in ("request", "response"):
            files = [file for each in written for file in each[name]]
            assert [file.partition("_")[0] for file in files] == ["holdings"], (day, name)
