"""Keys of both sites are replaced while they run: nothing is lost, and the other site's operator has the last word."""

from __future__ import annotations

import json
from typing import Any

from devstack.carry import carry, wait_for_answers
from devstack.home import Home, Site
from tests.round_trip.asking import ask_many, states


def keys(at: Site, /, **wanted: str) -> list[dict[str, Any]]:
    rows = json.loads(at.manage("keys", "list", "--json"))
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def written_with(at: Site, stream: str) -> tuple[str, str]:
    """(box key, signer) of the newest bundle."""
    newest = f"SELECT box_key, signer FROM export_batches WHERE batch_type = '{stream}' ORDER BY id DESC LIMIT 1"
    [(box_key, signer)] = at.query(newest)
    return box_key, signer


def cross(home: Home, token: str, amounts: range) -> None:
    ids = ask_many(home.request, token, amounts)
    carry(home, home.request)
    wait_for_answers(home)
    carry(home, home.response)
    assert states(home.request, ids) == {"completed": len(ids)}


def test_keys_of_both_sites_are_replaced_while_requests_cross(home: Home, token: str) -> None:
    [old_box] = keys(home.response, site="response", use="box")
    [old_signing] = keys(home.request, site="request", use="signing")

    # Written to the old box key, and on its way while the keys change.
    under_way = ask_many(home.request, token, range(72_000, 72_002))
    home.request.manage("export_bundles")
    home.response.manage("keys", "rotate", "--kem", "mlkem768-x25519")
    home.request.manage("keys", "rotate", "--signing")
    carry(home, home.request)
    wait_for_answers(home)
    carry(home, home.response)
    assert states(home.request, under_way) == {"completed": 2}

    # The box key needs nobody, the signing key an operator.
    [new_box] = keys(home.response, site="response", use="box", status="active")
    [announced] = keys(home.response, site="request", status="announced, not confirmed")
    [new_signing] = keys(home.request, site="request", use="signing", version="v2")
    assert (announced["fingerprint"], announced["words"]) == (new_signing["fingerprint"], new_signing["words"])
    home.request.manage("export_bundles", "holdings", "--full")
    assert written_with(home.request, "holdings") == (new_box["fingerprint"], old_signing["fingerprint"])

    home.response.manage("keys", "confirm", announced["fingerprint"])
    carry(home, home.response)
    cross(home, token, range(74_000, 74_002))
    assert written_with(home.request, "requests") == (new_box["fingerprint"], new_signing["fingerprint"])

    # What the old key signed and what comes under the old box key is still taken, until it is revoked.
    home.response.manage("keys", "revoke", old_signing["fingerprint"])
    cross(home, token, range(75_000, 75_002))
    statuses = {row["fingerprint"]: row["status"] for row in keys(home.response)}
    assert statuses[old_signing["fingerprint"]] == "revoked"
    assert statuses[old_box["fingerprint"]] == "decrypt_only"
    quarantined = json.loads(home.response.manage("quarantine", "list", "--json"))
    assert not [row for row in quarantined if row["code"] == "bad_signature"]
