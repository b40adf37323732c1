"""Forgetting cached answers by hand."""

from __future__ import annotations

from common_apps.audit.actors import SYSTEM, Actor
from common_apps.audit.services import record
from response_site.execution.cache import invalidate_index


def invalidate_cache(*, index: str, actor: Actor = SYSTEM) -> int:
    """Forgets every cached answer over the index; how many went. Raises redis.RedisError when the cache is down."""
    removed = invalidate_index(index)
    record(action="cache.invalidated", actor=actor, resource_type="index", resource_id=index, data={"entries": removed})
    return removed
