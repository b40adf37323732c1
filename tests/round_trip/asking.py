"""Asking questions of a running request site, and looking at what became of them."""

from typing import Any

from devstack.api import Answer, call
from devstack.home import Site


def ask(site: Site, token: str, at_least: int) -> Answer:
    """A question that nobody asked before, so that no cache answers it: how many awards cost `at_least`."""
    body = {
        "query_type": "range",
        "query_params": {"index": "contracts", "query": {"range": {"amount": {"gte": at_least}}}, "size": 0},
    }
    return call("POST", f"{site.address}/api/v1/requests/", body, token)


def ask_many(site: Site, token: str, amounts: range) -> list[str]:
    answers = [ask(site, token, amount) for amount in amounts]
    assert {answer.status for answer in answers} == {201}, answers[0].body
    return [answer.body["id"] for answer in answers]


def states(site: Site, ids: list[str]) -> dict[str, int]:
    rows = site.query("SELECT id::text, status FROM requests")
    found: dict[str, int] = {}
    for known, status in rows:
        if known in ids:
            found[status] = found.get(status, 0) + 1
    return found


def number(site: Site, statement: str) -> Any:
    return site.query(statement)[0][0]
