"""What Elasticsearch's errors mean to whoever asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from common_apps.queries.language.normalized import NormalizedRequest
from response_site.search.engine import (
    ENGINE_ERROR,
    ENGINE_UNAVAILABLE,
    MAX_BUCKETS,
    QUERY_TIMEOUT,
    EngineFailure,
    count_buckets,
    index_missing,
    too_many_buckets,
)

# Too busy, or a shard is just moving: the same search will do later.
BUSY_STATUSES = frozenset({429, 502, 503, 504})
_MOST_DETAIL = 300


def failure_of(item: dict[str, Any], request: NormalizedRequest) -> EngineFailure | None:
    """Why an item of msearch's answer is none, or None when it is a whole answer."""
    if "error" in item:
        return _from_error(item["error"], int(item.get("status", 500)), request.index)
    if item.get("timed_out"):
        return query_timeout()
    failed = item.get("_shards", {}).get("failed", 0)
    if failed:
        failures = item["_shards"].get("failures") or [{}]
        return _from_error(failures[0].get("reason", {}), int(failures[0].get("status", 503)), request.index)
    if count_buckets(request.aggs, item.get("aggregations", {})) > MAX_BUCKETS:
        return too_many_buckets()
    return None


def is_busy(item: dict[str, Any]) -> bool:
    """Whether an item failed for lack of room alone, so that asking again is the cure."""
    if item.get("status") not in BUSY_STATUSES or "error" not in item:
        return False
    return "too_many_buckets_exception" not in set(_types(item["error"]))


def query_timeout() -> EngineFailure:
    """The end of a search whose time is up."""
    return EngineFailure(QUERY_TIMEOUT, "The search took longer than it may.", retryable=True)


def _from_error(error: Any, status: int, index: str) -> EngineFailure:
    types = set(_types(error))
    if "too_many_buckets_exception" in types:
        return too_many_buckets()
    if "index_not_found_exception" in types:
        return index_missing(index)
    if status in BUSY_STATUSES:
        return EngineFailure(ENGINE_UNAVAILABLE, "The search engine is too busy.", retryable=True)
    return EngineFailure(ENGINE_ERROR, f"Elasticsearch: {_reason(error)}", retryable=status >= 500)


def _types(error: Any) -> Iterator[str]:
    if isinstance(error, dict):
        if isinstance(error.get("type"), str):
            yield error["type"]
        for value in error.values():
            yield from _types(value)
    elif isinstance(error, list):
        for item in error:
            yield from _types(item)


def _reason(error: Any) -> str:
    """The innermost reason: the outer ones only say that all shards failed."""
    reason = str(error)
    node = error
    while isinstance(node, dict):
        if node.get("reason") and isinstance(node["reason"], str):
            reason = node["reason"]
        roots = node.get("root_cause") or [None]
        node = node.get("caused_by") or (roots[0] if roots[0] is not node else None)
    return reason[:_MOST_DETAIL]
