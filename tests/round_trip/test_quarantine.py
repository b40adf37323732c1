"""Bundles that one site holds in quarantine, and what its operators' decisions come to at the other, while both run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from devstack.api import Answer, call, login
from devstack.carry import carry, wait_for_answers
from devstack.home import Home, Site
from devstack.processes import wait_until
from tests.round_trip.asking import ask_many, states


def admin(site: Site, home: Home, method: str, path: str, body: Any = None) -> Answer:
    """A call of the site's API under admin/ by its admin."""
    known = home.admin()
    token = login(site.address, known["username"], known["password"]).body["access"]
    return call(method, f"{site.address}/api/v1/admin/{path}", body, token)


def hold(home: Home, monkeypatch: pytest.MonkeyPatch, bundles: int) -> list[dict[str, Any]]:
    """What waits on the request site goes in bundles of two, and the response site, which then takes one record at
    most, holds each of them; its quarantine's rows of them, in the order of the bundles.
    """
    with monkeypatch.context() as patch:
        patch.setenv("LOG_BUNDLE_RECORDS", "2")
        told = json.loads(home.request.manage("export_bundles", "requests", "--json"))
        folder = Path(home.request.values()["EXPORT_DIR"]) / "requests"
        written = [folder / row["file"] for row in told]
        patch.setenv("LOG_BUNDLE_RECORDS", "1")
        said = home.response.manage("import_bundles", *map(str, written), "--json", check=False)
    met = json.loads(said.splitlines()[-1])  # after what was logged of the alarm
    assert [(row["outcome"], row["code"]) for row in met] == [("quarantined", "too_many_records")] * bundles
    rows = {row["file"]: row for row in admin(home.response, home, "GET", "quarantine/").body["results"]}
    return [rows[path.name] for path in written]


def test_released_requests_are_answered_and_discarded_ones_fail_with_the_code_when_both_were_held(
    home: Home, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = ask_many(home.request, token, range(81_000, 81_004))
    wanted, unwanted = ids[:2], ids[2:]
    released, discarded = hold(home, monkeypatch, bundles=2)

    # Both sites' operators hear of it, and nothing is tried again meanwhile.
    carry(home, home.response)
    assert states(home.request, ids) == {"exported": 4}
    held_there = admin(home.request, home, "GET", "carry/").body["held_there"]
    assert (held_there["bundles"], held_there["codes"]) == (2, {"too_many_records": 2})
    waiting = call("GET", f"{home.request.address}/api/v1/requests/{wanted[0]}/timeline/", None, token).body
    assert waiting["waits_for"] == "operators"

    for row, decision, body in ((released, "release", None), (discarded, "discard", {"reason": "asked by mistake"})):
        asked = admin(home.response, home, "POST", f"quarantine/{row['id']}/{decision}/", body)
        assert asked.status == 202, asked.body
    assert wait_until(lambda: admin(home.response, home, "GET", "quarantine/").body["results"] == [], timeout_s=30)
    wait_for_answers(home)
    carry(home, home.response)

    assert states(home.request, wanted) == {"completed": 2}
    assert states(home.request, unwanted) == {"failed": 2}
    answer = call("GET", f"{home.request.address}/api/v1/requests/{unwanted[0]}/result/", None, token)
    assert (answer.status, answer.body["code"]) == (409, "request_failed")
    assert answer.body["reason"]["code"] == "too_many_records"
    assert "did not take the request. It holds more records than a bundle" in answer.body["detail"]
    assert admin(home.request, home, "GET", "carry/").body["held_there"]["bundles"] == 0
