"""The search engine as the rest of the response site knows it: one interface, two implementations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from common_apps.queries.language.limits import LIMITS
from common_apps.queries.language.normalized import NormalizedRequest

Json: TypeAlias = Any
Mapping: TypeAlias = dict[str, Json]
SearchResponse: TypeAlias = dict[str, Json]

# An answer with more buckets than this is refused by both engines, whatever the engine itself would bear.
MAX_BUCKETS = LIMITS.buckets

_MANY_BUCKETS = frozenset({"terms", "histogram", "date_histogram", "range", "date_range", "filters"})
_INDEX_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,99}")

# The codes of EngineFailure: stable, they travel to the asker.
TOO_MANY_BUCKETS = "too_many_buckets"
QUERY_TIMEOUT = "query_timeout"
ENGINE_UNAVAILABLE = "engine_unavailable"
ENGINE_ERROR = "engine_error"
INDEX_MISSING = "index_missing"


@dataclass(frozen=True, slots=True)
class EngineFailure:
    """Why one search has no answer. ``retryable``: the same search may succeed later, unchanged."""

    code: str
    detail: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class EngineHealth:
    """Whether an index can be searched; ``documents`` is its count, None when it can't."""

    ok: bool
    detail: str
    documents: int | None = None


class EngineUnavailable(Exception):  # noqa: N818 - named for the fact; callers wait, nothing is wrong with them
    """The whole engine can't be reached, or can't read its files; nothing was answered."""


class IndexMissingError(Exception):
    """No index of that name has been loaded."""

    def __init__(self, index: str) -> None:
        super().__init__(f'No index "{index}" has been loaded; run `load_dataset {index} FILE` on this site.')
        self.index = index


class IndexWriteError(Exception):
    """Documents, or a mapping, that the engine can't take; the text names the first."""


class QueryFailedError(Exception):
    """Ends one search of a batch; ``failure`` is what its asker is told."""

    def __init__(self, failure: EngineFailure) -> None:
        super().__init__(f"{failure.code}: {failure.detail}")
        self.failure = failure


class SearchEngine(Protocol):
    """Indexes of documents, searched by normalized requests, answering in Elasticsearch's response shape.

    ``index`` is the public name everywhere. Behind it stands one *generation*, a physical index; a load
    builds the next one beside it and ``publish_generation`` swaps them in one step. ``bulk``, ``refresh``,
    ``count`` and ``delete_index`` take either.
    """

    def msearch(
        self, requests: Sequence[NormalizedRequest], *, timeout_seconds: float, preference: str | None = None
    ) -> list[SearchResponse | EngineFailure]:
        """Answer each request in its place: took (ms), timed_out, _shards, hits and, if asked, aggregations.

        ``preference`` keeps one asker on the same copies of the data. Raises EngineUnavailable for all.
        """
        ...

    def search(
        self, request: NormalizedRequest, *, timeout_seconds: float, preference: str | None = None
    ) -> SearchResponse | EngineFailure:
        """`msearch` of one."""
        ...

    def fields(self, index: str) -> dict[str, str]:
        """Every full field name (``contractor.text``) and its Elasticsearch type. Raises IndexMissingError."""
        ...

    def create_index(self, index: str, mapping: Mapping) -> None:
        """Make an empty index, in place of one of that name. Raises IndexWriteError for a faulty mapping."""
        ...

    def begin_generation(self, index: str, mapping: Mapping) -> str:
        """Make an empty generation that nobody searches yet, and return its name."""
        ...

    def publish_generation(self, index: str, generation: str) -> None:
        """Let ``index`` mean ``generation`` from now on, and drop the older ones."""
        ...

    def bulk(self, index: str, documents: Iterable[tuple[str, dict[str, Json]]]) -> int:
        """Index (id, source) pairs, replacing documents of the same id; the number taken.

        Raises IndexWriteError at the first that doesn't fit the mapping; what came before it may stay.
        """
        ...

    def refresh(self, index: str) -> None:
        """Make what `bulk` took visible to searches, in every process."""
        ...

    def delete_index(self, index: str) -> None:
        """Remove the index; one that isn't there is no error."""
        ...

    def count(self, index: str) -> int:
        """How many documents a search can see. Raises IndexMissingError."""
        ...

    def health(self, index: str | None = None) -> EngineHealth:
        """Whether ``index`` (or any index at all) can be searched. Never raises."""
        ...

    def close(self) -> None:
        """Give back connections and files."""
        ...


def is_index_name(index: str) -> bool:
    """Whether an index may have this name: no pattern, no list, no path, whatever the engine."""
    return _INDEX_NAME.fullmatch(index) is not None


def require_index_name(index: str) -> None:
    """Raise IndexWriteError for a name that no index may have."""
    if not is_index_name(index):
        raise IndexWriteError(
            f'"{index}" is no name for an index: lower-case letters, digits, "-", "_" and ".", at most 100.'
        )


def too_many_buckets() -> EngineFailure:
    """The refusal of an answer with more than MAX_BUCKETS buckets."""
    return EngineFailure(
        TOO_MANY_BUCKETS,
        f"The answer would hold more than {MAX_BUCKETS} buckets; ask for fewer with a smaller size, "
        "a larger interval or a narrower query.",
        retryable=False,
    )


def index_missing(index: str) -> EngineFailure:
    """The answer of an index that isn't there, or not any more: a load may be about to bring it."""
    return EngineFailure(INDEX_MISSING, str(IndexMissingError(index)), retryable=True)


def count_buckets(aggs: dict[str, Json], aggregations: dict[str, Json]) -> int:
    """The buckets of an answer on all levels, by the request's ``aggs``: a name says nothing, it may be "buckets"."""
    total = 0
    for name, spec in aggs.items():
        beneath, result = spec.get("aggs", {}), aggregations.get(name, {})
        if _MANY_BUCKETS.isdisjoint(spec):
            total += count_buckets(beneath, result)
            continue
        buckets = result.get("buckets", [])
        total += len(buckets)
        if beneath:
            for bucket in buckets.values() if isinstance(buckets, dict) else buckets:
                total += count_buckets(beneath, bucket)
    return total
