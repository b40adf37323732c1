"""What the validator makes of a request, and all that an engine ever sees."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

Json = Any


@dataclass(frozen=True, slots=True)
class NormalizedRequest:
    """A sound request in one spelling: two requests that mean the same are equal here.

    Shapes (all plain JSON values; Elasticsearch 8's long forms, defaults left out):

    * ``query``: one clause. ``{"match": {FIELD: {"query": V, ...options}}}`` and likewise for match_phrase,
      term (``value``), wildcard (``value``), prefix (``value``), fuzzy (``value``), range;
      ``{"multi_match": {"query": V, "fields": ["title", "title^2.0"], ...}}``;
      ``{"terms": {FIELD: [V, ...], "boost"?: N}}``; ``{"bool": {"must": [..], "should": [..], "must_not": [..],
      "filter": [..], "minimum_should_match"?: S, "boost"?: N}}`` (always lists, absent ones left out);
      ``{"exists": {"field": F}}``; ``{"ids": {"values": [..]}}``; ``{"match_all": {}}`` (also where none was given).
    * ``aggs``: ``{NAME: {KIND: {...options}, "aggs"?: {...}}}``, ``{}`` where none was given.
    * ``sort``: ``({FIELD: {"order": "asc"|"desc", "missing"?: "_first"|"_last"}}, ...)``, also for ``_score``.
    * ``source``: True, False, or ``{"includes": [..], "excludes": [..]}`` (both present).
    """

    index: str
    query: dict[str, Json]
    aggs: dict[str, Json] = field(default_factory=dict)
    size: int = 10
    from_: int = 0
    sort: tuple[dict[str, Json], ...] = ()
    source: bool | dict[str, list[str]] = True

    def body(self) -> dict[str, Json]:
        """The search body for Elasticsearch's ``_search``: also what ``requests.elasticsearch_query`` stores."""
        body: dict[str, Json] = {
            "query": self.query,
            "size": self.size,
            "from": self.from_,
            "track_total_hits": True,
            "_source": self.source,
        }
        if self.aggs:
            body["aggs"] = self.aggs
        if self.sort:
            body["sort"] = list(self.sort)
        return body

    def canonical(self) -> bytes:
        """The bytes that a cache key is made of: equal for equal requests, without size and from."""
        body = {key: value for key, value in self.body().items() if key not in ("size", "from")}
        return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
