"""From a normalized request to the body Elasticsearch gets, and from its answer to ours."""

from __future__ import annotations

from typing import Any

from common_apps.queries.language.normalized import NormalizedRequest
from response_site.search.safe_text import replace_unsafe

# Elasticsearch's largest: counts below it are nearly exact. Beneath buckets the default has to do (3,000, and about
# 1 % off above it): every bucket would take as much memory, and a few thousand of them trip the circuit breaker.
_PRECISION_THRESHOLD = 40_000
# The default of 100 was seen 10.7 % off; an answer has to be within 5 %.
_COMPRESSION = 1000
# Candidates that a shard offers beyond `size`: with min_doc_count or an order by a metric the default loses buckets.
_SHARD_SIZE = 50_000


def search_body(request: NormalizedRequest, *, timeout_seconds: float) -> dict[str, Any]:
    """The body of one search, with the aggregations made as exact as Elasticsearch can."""
    body = request.body()
    body["timeout"] = f"{max(1, round(timeout_seconds * 1000))}ms"
    if request.aggs:
        body["aggs"] = _precise(request.aggs)
    return body


def _precise(aggs: dict[str, Any], depth: int = 1) -> dict[str, Any]:
    return {name: _precise_one(spec, depth) for name, spec in aggs.items()}


def _precise_one(spec: dict[str, Any], depth: int) -> dict[str, Any]:
    precise: dict[str, Any] = {}
    for key, options in spec.items():
        if key == "aggs":
            precise[key] = _precise(options, depth + 1)
        elif key == "cardinality" and depth == 1:
            precise[key] = {**options, "precision_threshold": _PRECISION_THRESHOLD}
        elif key == "percentiles":
            precise[key] = {**options, "tdigest": {"compression": _COMPRESSION}}
        elif key == "terms" and ("order" in options or "min_doc_count" in options):
            precise[key] = {**options, "shard_size": _SHARD_SIZE}
        else:
            precise[key] = options
    return precise


def public_response(response: dict[str, Any], index: str) -> dict[str, Any]:
    """The answer under the index's public name, with text that can be stored."""
    found = {key: response[key] for key in ("took", "timed_out", "_shards", "hits", "aggregations") if key in response}
    _rename(found.get("hits"), index)
    _rename(found.get("aggregations"), index)
    clean: dict[str, Any] = replace_unsafe(found)
    return clean


def _rename(node: Any, index: str) -> None:
    """Hits name the generation that they were found in; nobody outside knows generations."""
    if isinstance(node, list):
        for item in node:
            _rename(item, index)
    elif isinstance(node, dict):
        if "_index" in node and "_id" in node:
            node["_index"] = index
            return
        for value in node.values():
            if isinstance(value, dict | list):
                _rename(value, index)
