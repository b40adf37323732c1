"""Each process of both sites is killed in turn (kill -9) while 2,000 requests cross: all are answered, once."""

import json
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import psycopg
import pytest

from devstack.carry import carry, wait_for_answers
from devstack.errors import DevstackError
from devstack.home import Home, Site
from devstack.processes import PidFile, wait_until
from tests.round_trip.asking import number
from tests.round_trip.outages import kill

BULK = 100
BULKS = 20
# Who is killed while people ask, while it is carried there and executed, and while the answers are carried back.
ASKING = ["web", "postgres", "valkey", "worker", "watcher"]
CARRYING_THERE = ["postgres", "watcher", "worker", "valkey", "beat", "web"]
CARRYING_BACK = ["watcher", "postgres"]
PATIENCE_S = 240.0
T = TypeVar("T")


def until_done(work: Callable[[], T]) -> T:
    """What a person or a program does whose service has just died under it: the same once more."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return work()
        except (DevstackError, OSError, psycopg.Error):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def ask_bulk(site: Site, token: str, place: int) -> list[str]:
    """A hundred questions that nobody asked before, under one Idempotency-Key; their ids once all are stored."""
    amounts = range(200_000 + place * BULK, 200_000 + (place + 1) * BULK)
    bodies = [
        {
            "query_type": "range",
            "query_params": {"index": "contracts", "query": {"range": {"amount": {"gte": amount}}}, "size": 0},
        }
        for amount in amounts
    ]
    headers = {
        "Content-Type": "application/json",
        "Authorization": f"Bearer {token}",
        "Idempotency-Key": f"killing-{place}",
    }
    request = urllib.request.Request(
        f"{site.address}/api/v1/requests/bulk/", json.dumps(bodies).encode(), headers, method="POST"
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        outcomes = json.load(response)["results"]
    refused = [outcome["problem"] for outcome in outcomes if "problem" in outcome]
    if refused:
        assert {problem["code"] for problem in refused} == {"service_unavailable"}, refused[0]
        raise DevstackError(f"{len(refused)} of a bulk were not stored.")
    return [outcome["id"] for outcome in outcomes]


def kill_during(site: Site, name: str, table: str, work: Callable[[], T]) -> T:
    """``work``, in the midst of which, as soon as it has put a row into ``table``, the process is killed; its
    supervisor starts it again.
    """
    pid_file = PidFile(site.run / f"{name}.pid")
    assert wait_until(lambda: pid_file.read() is not None, timeout_s=60)
    count = f"SELECT count(*) FROM {table}"
    before = until_done(lambda: number(site, count))
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(until_done, work)
        wait_until(lambda: done.done() or until_done(lambda: number(site, count)) > before, timeout_s=PATIENCE_S)
        kill(site, name)
        assert wait_until(lambda: pid_file.read() is not None, timeout_s=60)
        return done.result()


def let_leases_run_out(site: Site) -> None:
    """The minutes for which a dead worker's rows are still its own, gone by."""
    with site.connect() as connection:
        connection.execute(
            "UPDATE incoming_requests SET started_at = started_at - interval '10 minutes' WHERE status = 'processing'"
        )


@pytest.mark.timeout(900)  # on a loaded machine every process that was killed takes its time to come back
def test_all_are_answered_once_when_every_process_was_killed_in_turn(home: Home, token: str) -> None:
    ids: list[str] = []
    there, places = list(CARRYING_THERE), iter(range(BULKS))

    def ask(count: int) -> list[str]:
        return [one for _ in range(count) for one in ask_again(next(places))]

    def ask_again(place: int) -> list[str]:
        return until_done(lambda: ask_bulk(home.request, token, place))

    for name in ASKING:
        ids += kill_during(home.request, name, "requests", lambda: ask(BULKS // len(ASKING)))
        kill_during(home.response, there.pop(0), "incoming_requests", lambda: carry(home, home.request))
    until_done(lambda: let_leases_run_out(home.response))
    kill_during(home.response, there.pop(0), "query_results", lambda: wait_for_answers(home))
    for name in CARRYING_BACK:
        kill_during(home.request, name, "responses", lambda: carry(home, home.response))

    assert (len(set(ids)), there) == (BULKS * BULK, [])
    found = {
        request: (status, answers)
        for request, status, answers in home.request.query(
            "SELECT requests.id::text, requests.status, count(responses.id) FROM requests"
            " LEFT JOIN responses ON responses.request_id = requests.id GROUP BY requests.id"
        )
    }
    assert {one: found.get(one) for one in ids if found.get(one) != ("completed", 1)} == {}
    once = "SELECT count(*) = count(DISTINCT original_request_id) FROM {}"
    for table in ("incoming_requests", "query_results"):
        assert number(home.response, once.format(table)) is True
    for site in home.sites:
        assert number(site, "SELECT count(*) FROM export_batches WHERE status IN ('pending', 'processing')") == 0
        assert number(site, "SELECT count(*) FROM import_batches WHERE status = 'failed'") == 0
