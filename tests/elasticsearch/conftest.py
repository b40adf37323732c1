"""Both engines with the sample. Elasticsearch is the one at ELASTICSEARCH_URL; without one these tests are skipped."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from response_site.search.dataset import description_beside, read_description, sample_file
from response_site.search.elasticsearch_engine import ElasticsearchEngine
from response_site.search.services import load_dataset
from response_site.search.tantivy_engine import TantivyEngine

HOW = "run `python -m devstack.elasticsearch run -- pytest tests/elasticsearch`"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs the real thing."""
    for item in items:
        if item.path.is_relative_to(os.path.dirname(__file__)):  # noqa: PTH120 - a plain prefix
            item.add_marker(pytest.mark.elasticsearch)


@pytest.fixture(scope="session")
def elasticsearch_url() -> str:
    """Where the real Elasticsearch answers."""
    url = os.environ.get("ELASTICSEARCH_URL", "")
    if not url:
        pytest.skip(f"ELASTICSEARCH_URL is not set: {HOW}")
    try:
        with urllib.request.urlopen(f"{url}/_cluster/health", timeout=5):
            return url
    except (OSError, urllib.error.URLError) as error:
        pytest.skip(f"no Elasticsearch answers at {url} ({error}): {HOW}")


@pytest.fixture(scope="session")
def remote(elasticsearch_url: str) -> Iterator[ElasticsearchEngine]:
    """The real Elasticsearch, with the sample as `contracts`."""
    engine = ElasticsearchEngine(elasticsearch_url)
    _load_sample(engine)
    yield engine
    engine.delete_index("contracts")
    engine.close()


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TantivyEngine]:
    """The embedded engine, with the same."""
    engine = TantivyEngine(tmp_path_factory.mktemp("search"))
    _load_sample(engine)
    yield engine
    engine.close()


def _load_sample(engine: ElasticsearchEngine | TantivyEngine) -> None:
    file = sample_file("contracts")
    assert file is not None
    load_dataset(engine=engine, name="contracts", file=file, dataset=read_description(description_beside(file)))
