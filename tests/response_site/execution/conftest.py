"""A real engine over a small index, an empty cache."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings

from common_apps.accounts.models import User
from response_site.execution import cache
from response_site.execution.services import drain as drain_module
from response_site.search.tantivy_engine import TantivyEngine
from tests.response_site.execution.scene import Watched, load_rivers, make_user, publish_rivers


@pytest.fixture(scope="session")
def rivers(tmp_path_factory: pytest.TempPathFactory) -> TantivyEngine:
    """The engine with forty rivers."""
    folder: Path = tmp_path_factory.mktemp("search")
    engine = TantivyEngine(folder)
    load_rivers(engine)
    return engine


@pytest.fixture
def engine(rivers: TantivyEngine, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """What the drains of this process search with."""
    watched = Watched(rivers)
    monkeypatch.setattr(drain_module, "get_engine", lambda: watched)
    return watched


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[redis.Redis]:
    """The cache's own client, empty and up."""
    client = redis.Redis.from_url(settings.CACHES["default"]["LOCATION"])
    client.flushdb()
    cache._Rest.until = 0.0
    yield client
    client.close()


@pytest.fixture
def asker(db: None) -> User:
    """An active user who may ask the rivers."""
    publish_rivers()
    return make_user()
