"""The way of one request, and what happens to it when something on the way dies."""

import contextlib
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from devstack import stack
from devstack.api import call, ready
from devstack.carry import carry, round_trip, wait_for_answers
from devstack.home import Home, Site
from devstack.processes import wait_until
from tests.round_trip.asking import ask, ask_many, number, states
from tests.round_trip.outages import down, kill


def test_start_changes_nothing_when_both_sites_run(home: Home) -> None:
    before = [site.pid_file.read() for site in home.sites]
    stack.start(home)
    assert [site.pid_file.read() for site in home.sites] == before


def test_sites_connect_as_a_role_without_rights_when_they_run(home: Home) -> None:
    for site in home.sites:
        rights = "SELECT rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = current_user"
        assert number(site, rights) is False


def test_secrets_are_private_when_written(home: Home) -> None:
    for file in (home.admin_file, *(site.env_file for site in home.sites)):
        assert file.stat().st_mode & 0o077 == 0


def test_answer_comes_back_when_carried_there_and_back(home: Home, token: str) -> None:
    asked = ask(home.request, token, 100_000_000)
    assert asked.status == 201, asked.body
    assert asked.body["status"] == "pending"
    result = f"{home.request.address}/api/v1/requests/{asked.body['id']}/result/"
    assert call("GET", result, token=token).status == 202
    round_trip(home)
    answer = call("GET", result, token=token)
    assert answer.status == 200, answer.body
    assert answer.body["result"]["hits"]["total"]["value"] == 599
    assert answer.body["result_count"] == 599


def test_carry_takes_nothing_twice_when_repeated(home: Home, token: str) -> None:
    [one] = ask_many(home.request, token, range(1, 2))
    round_trip(home)
    round_trip(home)
    again, _, back = round_trip(home)
    assert "requests" not in again.records
    assert "results" not in back.records
    assert number(home.response, "SELECT count(*) FROM incoming_requests") == number(
        home.response, "SELECT count(DISTINCT original_request_id) FROM incoming_requests"
    )
    assert states(home.request, [one]) == {"completed": 1}


@contextmanager
def mid_drain(home: Home) -> Iterator[None]:
    """Requests are carried and claimed, and their drains can't write the answers as long as the block takes."""
    with home.response.connect() as connection:
        with down(home.response, "worker"):
            carry(home, home.request)
            connection.execute("LOCK TABLE query_results IN SHARE MODE")
        claimed = "SELECT count(*) FROM incoming_requests WHERE status = 'processing'"
        assert wait_until(lambda: number(home.response, claimed) > 0, timeout_s=120)
        yield
        with contextlib.suppress(psycopg.OperationalError):  # the server that it was connected to may be gone
            connection.rollback()


def let_leases_run_out(site: Site) -> None:
    """The minutes for which a dead worker's rows are still its own, gone by."""
    with site.connect() as connection:
        connection.execute(
            "UPDATE incoming_requests SET started_at = started_at - interval '10 minutes' WHERE status = 'processing'"
        )


def test_work_is_finished_once_when_the_worker_is_killed_in_mid_drain(home: Home, token: str) -> None:
    ids = ask_many(home.request, token, range(1_000, 1_120))
    with mid_drain(home):
        kill(home.response, "worker")
    assert number(home.response, "SELECT count(*) FROM incoming_requests WHERE status = 'processing'") > 0
    let_leases_run_out(home.response)
    wait_for_answers(home)
    carry(home, home.response)
    assert states(home.request, ids) == {"completed": len(ids)}
    assert number(home.response, "SELECT count(*) FROM query_results") == number(
        home.response, "SELECT count(*) FROM incoming_requests"
    )


def test_request_site_says_503_and_goes_on_when_postgresql_was_down(home: Home, token: str) -> None:
    before = number(home.request, "SELECT count(*) FROM requests")
    with down(home.request, "postgres"):
        refused = ask(home.request, token, 2_000)
        assert (refused.status, refused.body["code"]) == (503, "service_unavailable")
        assert call("GET", f"{home.request.address}/health/ready").status == 503
        assert call("GET", f"{home.response.address}/health/ready").status == 200
    assert wait_until(lambda: ready(home.request.address), timeout_s=60)
    ids = ask_many(home.request, token, range(2_000, 2_003))
    assert number(home.request, "SELECT count(*) FROM requests") == before + len(ids)
    round_trip(home)
    assert states(home.request, ids) == {"completed": len(ids)}


def test_request_site_loses_nothing_when_valkey_was_down(home: Home, token: str) -> None:
    before = number(home.request, "SELECT count(*) FROM requests")
    with down(home.request, "valkey"):
        began = time.monotonic()
        answers = [ask(home.request, token, amount) for amount in range(3_000, 3_003)]
        assert time.monotonic() - began < 60
        assert {answer.status for answer in answers} <= {201, 503}
        assert {answer.body["code"] for answer in answers if answer.status == 503} <= {"service_unavailable"}
        assert call("GET", f"{home.request.address}/health/ready").status == 503
    assert wait_until(lambda: ready(home.request.address), timeout_s=60)
    taken = [answer.body["id"] for answer in answers if answer.status == 201]
    assert number(home.request, "SELECT count(*) FROM requests") == before + len(taken)
    taken += ask_many(home.request, token, range(3_010, 3_012))
    round_trip(home)
    assert states(home.request, taken) == {"completed": len(taken)}


def test_response_site_executes_all_once_when_its_services_were_down(home: Home, token: str) -> None:
    ids = ask_many(home.request, token, range(4_000, 4_060))
    with mid_drain(home), down(home.response, "postgres"), down(home.response, "valkey"):
        assert call("GET", f"{home.response.address}/health/ready").status == 503
    assert wait_until(lambda: ready(home.response.address), timeout_s=60)
    let_leases_run_out(home.response)
    wait_for_answers(home)
    carry(home, home.response)
    assert states(home.request, ids) == {"completed": len(ids)}
    assert number(home.response, "SELECT count(*) FROM query_results") == number(
        home.response, "SELECT count(*) FROM incoming_requests"
    )
