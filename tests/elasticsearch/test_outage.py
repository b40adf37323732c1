"""A real Elasticsearch that is killed while requests wait, and comes back."""

from collections.abc import Iterator

import pytest

from devstack.elasticsearch import Elasticsearch
from response_site.execution.models import IncomingRequest, QueryResult
from response_site.execution.services import drain as drain_module
from response_site.execution.services.drain import drain
from response_site.search.elasticsearch_engine import ElasticsearchEngine
from tests.response_site.execution.scene import answer_of, ask, bring, later, load_rivers, make_user, publish_rivers


@pytest.fixture
def node(elasticsearch_url: str) -> Iterator[Elasticsearch]:
    """A node of our own: the one that the other tests share stays up."""
    with Elasticsearch() as node:
        yield node


@pytest.mark.django_db
def test_requests_wait_and_are_answered_once_when_elasticsearch_is_killed_and_comes_back(
    node: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = ElasticsearchEngine(node.url)
    monkeypatch.setattr(drain_module, "get_engine", lambda: engine)
    load_rivers(engine)
    publish_rivers()
    asker = make_user()
    before = ask(asker, size=1)
    bring(before)
    assert drain(worker="one").completed == 1

    waiting = [ask(asker, size=size) for size in range(2, 5)]
    bring(*waiting)
    node.kill()
    report = drain(worker="one")
    assert (report.waiting, report.retried, report.failed, report.completed) == (3, 0, 0, 0)
    assert report.outage
    assert set(IncomingRequest.objects.filter(completed_at=None).values_list("status", "retry_count")) == {
        ("pending", 0)
    }
    assert QueryResult.objects.count() == 1

    node.restart()
    IncomingRequest.objects.filter(completed_at=None).update(available_at=later(0))
    assert drain(worker="two").completed == 3
    assert drain(worker="two").completed == 0
    assert QueryResult.objects.count() == 4
    assert [answer_of(request).result_count for request in [before, *waiting]] == [40] * 4
    engine.close()
