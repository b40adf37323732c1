"""Two drains at once, and drains that die."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, connections

from common_apps.core import clock
from response_site.execution.models import IncomingRequest, QueryResult
from response_site.execution.services.claim import claim_batch, count_claimable, lease
from response_site.execution.services.drain import DrainReport, drain
from tests.response_site.execution.scene import Watched, ask, bring, later, make_user, publish_rivers

pytestmark = pytest.mark.django_db(transaction=True)


class Killed(BaseException):
    """As a SIGKILL would: no code of ours runs after it."""


@pytest.fixture
def user() -> Any:
    """Committed, so that other connections see it."""
    publish_rivers()
    return make_user()


def _in_threads(count: int, work: Any) -> list[Any]:
    start = Barrier(count)

    def run(number: int) -> Any:
        start.wait()
        try:
            return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(run, range(count)))


def test_each_request_is_executed_once_when_four_drains_run_at_once(user: Any, engine: Watched) -> None:
    # Each differs, so that every search is one that some drain made.
    bring(*(ask(user, size=number % 20, **{"from": number // 20}) for number in range(400)))
    reports: list[DrainReport] = _in_threads(4, lambda number: drain(worker=f"drain {number}"))
    assert sum(report.completed for report in reports) == 400
    assert sum(report.lost for report in reports) == 0
    assert engine.count == 400
    assert QueryResult.objects.count() == 400
    assert set(IncomingRequest.objects.values_list("status", flat=True)) == {"completed"}


def test_claims_are_disjoint_when_made_at_once(user: Any) -> None:
    bring(*(ask(user, size=number) for number in range(100)))
    claims = _in_threads(2, lambda number: claim_batch(worker=f"drain {number}", now=later(0)))
    assert [len(each) for each in claims] == [50, 50]
    assert len({claim.id for each in claims for claim in each}) == 100


def test_requests_are_finished_by_another_when_a_drain_is_killed(user: Any, engine: Watched) -> None:
    bring(*(ask(user, size=number) for number in range(5)))
    engine.error = Killed()
    with pytest.raises(Killed):
        drain(worker="killed")
    assert IncomingRequest.objects.filter(status="processing", assigned_worker="killed").count() == 5
    engine.error = None
    assert drain(worker="early").completed == 0, "the lease still runs"
    assert count_claimable(now=clock.now(), limit=50) == 0
    IncomingRequest.objects.update(started_at=clock.now() - lease())
    assert count_claimable(now=clock.now(), limit=50) == 5
    assert drain(worker="heir").completed == 5
    assert QueryResult.objects.count() == 5
    assert set(IncomingRequest.objects.values_list("assigned_worker", "lost_leases")) == {("heir", 1)}


def test_others_are_answered_when_one_request_kills_every_worker(user: Any, engine: Watched) -> None:
    poison = ask(user, query={"match": {"title": "poison"}})
    bring(poison, *(ask(user, size=number) for number in range(5)))
    engine.error, engine.error_for = Killed(), "{'match': {'title': {'query': 'poison'}}}"
    deaths = 0
    while IncomingRequest.objects.exclude(status__in=["completed", "failed"]).exists():
        try:
            drain(worker=f"drain {deaths}")
        except Killed:
            deaths += 1
        connection.close()
        IncomingRequest.objects.filter(status="processing").update(started_at=clock.now() - lease())
        assert deaths < 20
    assert deaths == 5
    assert QueryResult.objects.filter(status="completed").count() == 5
    assert QueryResult.objects.get(status="failed").original_request_id == poison.id


def test_requests_come_back_when_the_database_fails_in_the_middle(
    user: Any, engine: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(ask(user))
    with monkeypatch.context() as patch, pytest.raises(Exception, match="terminating connection"):
        patch.setattr(
            "response_site.execution.services.settle._STATES", "SELECT pg_terminate_backend(pg_backend_pid())"
        )
        drain(worker="cut off")
    connection.close()
    assert not QueryResult.objects.exists()
    IncomingRequest.objects.update(started_at=clock.now() - lease())
    assert drain(worker="heir").completed == 1


def test_requests_of_a_clock_that_was_put_back_are_claimed_and_those_in_backoff_are_not(user: Any) -> None:
    bring(*(ask(user, size=number) for number in range(3)))
    waiting, far, held = IncomingRequest.objects.order_by("id")
    waiting.available_at = later(60)
    far.available_at = later(10 * 365 * 86_400)
    held.status, held.assigned_worker, held.started_at = "processing", "dead", later(10 * 365 * 86_400)
    for row in (waiting, far, held):
        row.save()
    assert count_claimable(now=later(0), limit=10) == 2
    assert {claim.id for claim in claim_batch(worker="first", now=later(0))} == {far.id}
    # One that a worker was lost with is claimed alone.
    assert {claim.id for claim in claim_batch(worker="second", now=later(0))} == {held.id}
    assert claim_batch(worker="third", now=later(0)) == []
