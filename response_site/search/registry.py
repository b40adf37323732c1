"""The one engine of this process, as the settings choose it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from response_site.search.elasticsearch_engine import ElasticsearchEngine
from response_site.search.engine import SearchEngine
from response_site.search.tantivy_engine import TantivyEngine

_lock = threading.Lock()
# By process id: neither connections nor locks of the parent may be used after a fork (Celery's prefork).
_engines: dict[int, SearchEngine] = {}

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _start_afresh())


def get_engine() -> SearchEngine:
    """The engine that SEARCH_ENGINE names, made at first use and kept. Raises ImproperlyConfigured."""
    pid = os.getpid()
    engine = _engines.get(pid)
    if engine is None:
        with _lock:
            engine = _engines.get(pid)
            if engine is None:
                engine = _engines[pid] = build_engine()
    return engine


def build_engine() -> SearchEngine:
    """A new engine from the settings; `get_engine` is what callers want."""
    if settings.SEARCH_ENGINE == "tantivy":
        return TantivyEngine(Path(settings.SEARCH_DIR))
    if settings.SEARCH_ENGINE == "elasticsearch":
        if not settings.ELASTICSEARCH_URL:
            raise ImproperlyConfigured("SEARCH_ENGINE=elasticsearch needs ELASTICSEARCH_URL.")
        return ElasticsearchEngine(
            settings.ELASTICSEARCH_URL,
            username=settings.ELASTICSEARCH_USERNAME or None,
            password=settings.ELASTICSEARCH_PASSWORD or None,
        )
    raise ImproperlyConfigured(f'SEARCH_ENGINE is "{settings.SEARCH_ENGINE}"; it can be "tantivy" or "elasticsearch".')


def close_engine() -> None:
    """Close this process's engine; the next `get_engine` makes another, from the settings of then."""
    with _lock:
        engine = _engines.pop(os.getpid(), None)
    if engine is not None:
        engine.close()


def _start_afresh() -> None:
    global _lock
    # The parent may have held the lock at the moment of the fork; its engine is not closed: the files are its own.
    _lock = threading.Lock()
    _engines.clear()
