"""Drains are woken by Celery, as many as there is work for, and by the sweep when nobody did."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import redis
from celery import current_app
from django.conf import settings
from django.db import connection

from common_apps.core import clock
from common_apps.core.outages import OUTAGES
from common_apps.transfer.registry import Applied
from response_site.execution.choices import IncomingStatus
from response_site.execution.models import IncomingRequest, QueryResult
from response_site.execution.services.claim import claim_batch, lease
from response_site.execution.services.drain import drain
from response_site.execution.streams import RequestReceiver
from response_site.execution.tasks import QUEUE, drain_queue, sweep_queue, wake_drains
from response_site.search.tantivy_engine import TantivyEngine
from tests.response_site.execution.scene import ask, bring, load_rivers, make_user, publish_rivers

ROOT = Path(__file__).resolve().parents[3]


def queued() -> int:
    """As Redis has it: a list of Celery's name, with the site's prefix."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        return int(client.llen(f"airferry:response:{QUEUE}"))


@pytest.fixture(autouse=True)
def empty_queue() -> None:
    """No message of another test."""
    with current_app.connection_for_write() as broker:
        broker.default_channel.queue_purge(QUEUE)


@pytest.mark.parametrize(("pending", "woken"), [(0, 0), (1, 1), (50, 1), (51, 2), (150, 3), (100_000, 4)])
def test_import_wakes_a_drain_for_each_fifty_when_rows_came(pending: int, woken: int) -> None:
    assert settings.WORKER_COUNT == 4
    RequestReceiver().after_commit(Applied(woken={"pending": pending}))
    assert queued() == woken


def test_queue_does_not_grow_when_drains_stand_in_it_already() -> None:
    assert wake_drains(pending=100) == 2
    assert wake_drains(pending=100_000) == 2
    assert wake_drains(pending=100_000) == 0
    assert queued() == 4


def test_import_stands_when_the_broker_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current_app.conf, "broker_url", "redis://127.0.0.1:1/0")
    with pytest.raises(OUTAGES):
        wake_drains(pending=7)
    RequestReceiver().after_commit(Applied(woken={"pending": 7}))


@pytest.mark.django_db
def test_sweep_wakes_a_drain_when_rows_wait_that_nobody_woke_one_for() -> None:
    publish_rivers()
    user = make_user()
    assert sweep_queue() == 0
    bring(ask(user))
    assert sweep_queue() == 1
    claim_batch(worker="dead", now=clock.now())
    with current_app.connection_for_write() as broker:
        broker.default_channel.queue_purge(QUEUE)
    assert sweep_queue() == 0, "the row is in somebody's hand"
    IncomingRequest.objects.update(started_at=clock.now() - lease())
    assert sweep_queue() == 1


@pytest.mark.django_db
def test_drain_comes_again_when_its_time_is_up_with_work_left(monkeypatch: pytest.MonkeyPatch) -> None:
    publish_rivers()
    bring(ask(make_user()))
    monkeypatch.setattr("response_site.execution.tasks.drain", partial(drain, budget_seconds=0))
    assert drain_queue()["left"] is True
    assert queued() == 1


@pytest.fixture
def start_worker() -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts real Celery workers of the response site, on this test's database and Valkey; ends them."""
    load_rivers(TantivyEngine(Path(settings.SEARCH_DIR)))
    url, name = os.environ["DATABASE_URL"], connection.settings_dict["NAME"]
    environment = os.environ | {"DATABASE_URL": url.removesuffix(name.removeprefix("test_")) + name}
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        command = ["-m", "celery", "-A", "response_site.celery:app", "worker", "-Q", QUEUE, "-c", "2"]
        command += ["--without-gossip", "--without-mingle", "--loglevel", "WARNING"]
        started.append(subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment, start_new_session=True))
        return started[-1]

    yield start
    for process in started:
        _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "nothing happened in time"
        time.sleep(0.05)


def _all_done() -> bool:
    return not IncomingRequest.objects.exclude(status__in=IncomingStatus.final()).exists()


@pytest.mark.django_db(transaction=True)
def test_requests_are_answered_by_a_worker_process_when_an_import_woke_it(
    start_worker: Callable[[], subprocess.Popen[bytes]],
) -> None:
    publish_rivers()
    user = make_user()
    RequestReceiver().after_commit(
        bring(*(ask(user, size=number) for number in range(60)), ask(user, query_type="sorcery"))
    )
    start_worker()
    _wait_until(_all_done)
    assert QueryResult.objects.filter(status="completed").count() == 60
    assert QueryResult.objects.filter(status="failed").count() == 1
    names = IncomingRequest.objects.values_list("assigned_worker", flat=True).distinct()
    assert all(int(name.split(":")[1]) != os.getpid() for name in names)


@pytest.mark.django_db(transaction=True)
def test_requests_are_answered_once_when_the_worker_process_is_killed(
    start_worker: Callable[[], subprocess.Popen[bytes]],
) -> None:
    publish_rivers()
    user = make_user()
    bring(*(ask(user, size=number % 40, **{"from": number // 40}) for number in range(500)))
    wake_drains(pending=500)
    first = start_worker()
    _wait_until(lambda: QueryResult.objects.exists())
    _kill(first)
    assert not _all_done()
    IncomingRequest.objects.filter(status="processing").update(started_at=clock.now() - lease())
    sweep_queue()
    start_worker()
    _wait_until(_all_done)
    assert QueryResult.objects.filter(status="completed").count() == 500
