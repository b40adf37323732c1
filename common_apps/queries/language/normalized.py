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
      ``{"terms": {FIELD: [V, ...]}}`` (sorted, each once); ``{"bool": {"must": [..], "should": [..],
      "must_not": [..], "filter": [..], "minimum_should_match"?: N, "boost"?: N}}`` (lists, never empty, absent ones
      left out; the minimum resolved to an integer, one more than there are ``should`` where nothing can match, absent
      where it is the default: 1 with neither must nor filter, else 0); ``{"exists": {"field": F}}``;
      ``{"ids": {"values": [..]}}``; ``{"match_all": {"boost"?: N}}`` (also where no query was given).
    * ``aggs``: ``{NAME: {KIND: {"field": F, ...options}, "aggs"?: {...}}}``, ``{}`` where none was given;
      ``filter``: ``{"filter": CLAUSE}``; ``filters``: ``{"filters": {"filters": {NAME: CLAUSE} | [CLAUSE, ...]}}``; an
      order is a list of ``{"_count"|"_key"|METRIC|"STATS.avg": "asc"|"desc"}``; spans of time stand in their largest
      unit (``24h`` is ``1d``).
    * ``sort``: ``({FIELD: {"order": "asc"|"desc", "missing"?: "_first"}}, ...)``, also for ``_score``.
    * ``source``: True, False, or ``{"includes": [..], "excludes": [..]}`` (both present).
    * Values by the field's family. Numbers: JSON numbers, whole ones below 2^53 as integers. Dates: always texts in
      UTC. In match, term and terms they keep their precision (``2024-05-31`` is the whole day, ``...T08:30Z`` the
      minute): they match from `dates.parse_date_millis` to its ``round_up``. Bounds of a range, and every date in an
      aggregation, are one millisecond, rounded already (``2024-05-31T23:59:59.999Z``); but ``extended_bounds`` of a
      date_histogram are epoch milliseconds, because Elasticsearch reads texts there in the aggregation's ``format``.
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

    def query_params(self) -> dict[str, Json]:
        """The request as its user could have written it: compiling this again gives an equal request."""
        params = {key: value for key, value in self.body().items() if key != "track_total_hits"}
        return {"index": self.index, **params}

    def canonical(self) -> bytes:
        """The bytes that a cache key is made of: equal for equal requests, without size and from."""
        body = {key: value for key, value in self.body().items() if key not in ("size", "from")}
        return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
