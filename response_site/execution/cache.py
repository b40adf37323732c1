"""Answers that were given a moment ago, in Redis (CACHE_URL). Without it everything works, and is executed.

Keys: ``es:{index}:{sha256 of the canonical request}:{size}:{from}``. An entry knows the generation of its index that it
was computed from; `invalidate_index` begins another one, so that an answer under way then can't come in afterwards.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any
from uuid import uuid4

import msgspec
import redis
import structlog
from django.conf import settings

from common_apps.queries.kinds.kind import CacheClass
from common_apps.queries.language import NormalizedRequest

log = structlog.get_logger("execution.cache")

# Hot: asked this often within the window, which begins with the first time.
HOT_COUNT = 3
HOT_WINDOW_SECONDS = 15 * 60
# Of CACHE_TTL (5 min): hot 15 min, aggregations 30 min.
_HOT_FACTOR = 3
_AGGREGATION_FACTOR = 6
# Beyond this an answer costs the cache more than it saves the engine.
MAX_ENTRY_BYTES = 1024 * 1024
# How long a cache that did not answer is left alone: a batch must not wait for it every time.
_REST_SECONDS = 10.0
_SCAN_COUNT = 1000


class Entry(msgspec.Struct, frozen=True):
    """A cached answer. ``stored_at``: epoch seconds; ``result``: the shaped answer as JSON."""

    generation: str
    stored_at: float
    count: int | None
    took_ms: int | None
    result: msgspec.Raw

    def age_seconds(self, now: datetime) -> int:
        """Whole seconds since it was computed; never negative, whatever the clock did."""
        return max(0, int(now.timestamp() - self.stored_at))


@dataclass(frozen=True, slots=True)
class Lookup:
    """What was found, by key; which keys are hot; and the indices' generations, to be handed to `store_answers`."""

    hits: Mapping[str, Entry] = field(default_factory=dict)
    hot: frozenset[str] = frozenset()
    generations: Mapping[str, str] = field(default_factory=dict)
    # Without the generations nothing may be stored.
    is_up: bool = False


@dataclass(frozen=True, slots=True)
class Fresh:
    """An answer to keep."""

    key: str
    index: str
    cache_class: CacheClass
    count: int | None
    took_ms: int | None
    result: bytes


class _Rest:
    until = 0.0


_DECODER = msgspec.json.Decoder(Entry)
_ENCODER = msgspec.json.Encoder()


def cache_key(request: NormalizedRequest) -> str:
    """The key of a request's answer: equal for requests that mean the same."""
    digest = hashlib.sha256(request.canonical()).hexdigest()
    return f"es:{request.index}:{digest}:{request.size}:{request.from_}"


def look_up(asked: Sequence[tuple[str, str]], *, now: datetime) -> Lookup:
    """The answers to (key, index) pairs, in one round trip, which also counts how often each key was asked."""
    if not asked or time.monotonic() < _Rest.until:
        return Lookup()
    counts = Counter(key for key, _ in asked)
    keys, indices = list(counts), sorted({index for _, index in asked})
    try:
        values, counters = _read([*map(_generation_key, indices), *keys], counts)
        generations = {index: (value or b"").decode() for index, value in zip(indices, values, strict=False)}
        hits = {}
        for (key, index), value in zip(dict(asked).items(), values[len(indices) :], strict=True):
            entry = _decode(value) if value is not None else None
            if entry is not None and entry.generation == generations[index]:
                hits[key] = entry
        hot = frozenset(key for key, times in zip(keys, counters, strict=True) if times >= HOT_COUNT)
        _note(hits, hot, counts, now)
    except redis.RedisError as error:
        _rest(error)
        return Lookup()
    return Lookup(hits=hits, hot=hot, generations=generations, is_up=True)


def store_answers(fresh: Iterable[Fresh], *, lookup: Lookup, now: datetime) -> None:
    """Keeps the answers, each for as long as its class says."""
    if not lookup.is_up:
        return
    try:
        pipeline = _client().pipeline(transaction=False)
        for answer in fresh:
            if len(answer.result) > MAX_ENTRY_BYTES:
                continue
            entry = Entry(
                generation=lookup.generations[answer.index],
                stored_at=now.timestamp(),
                count=answer.count,
                took_ms=answer.took_ms,
                result=msgspec.Raw(answer.result),
            )
            seconds = ttl_seconds(answer.cache_class, is_hot=answer.key in lookup.hot)
            pipeline.set(answer.key, _ENCODER.encode(entry), ex=seconds)
        pipeline.execute()
    except redis.RedisError as error:
        _rest(error)


def ttl_seconds(cache_class: CacheClass, *, is_hot: bool) -> int:
    """How long an answer is kept: the longest of what it is."""
    factors = [1, _HOT_FACTOR if is_hot else 1, _AGGREGATION_FACTOR if cache_class == "aggregation" else 1]
    return int(settings.CACHE_TTL * max(factors))


def invalidate_index(index: str) -> int:
    """Forgets every answer over the index; how many entries went. Raises redis.RedisError when the cache is down."""
    client = _client()
    client.set(_generation_key(index), uuid4().hex)
    pattern = f"es:{_escape(index)}:*"
    removed = 0
    batch: list[bytes] = []
    for key in client.scan_iter(match=pattern, count=_SCAN_COUNT):
        batch.append(key)
        if len(batch) >= _SCAN_COUNT:
            removed += client.unlink(*batch)
            batch = []
    return removed + (client.unlink(*batch) if batch else 0)


def measure_cache() -> dict[str, Any]:
    """{entries: {index: count}, lookups, hits, hit_ratio (None without lookups), used_bytes}, since the last time.

    Raises redis.RedisError when the cache is down.
    """
    client = _client()
    entries: Counter[str] = Counter()
    for key in client.scan_iter(match="es:*", count=_SCAN_COUNT):
        entries[key.decode().split(":")[1]] += 1
    pipeline = client.pipeline(transaction=True)
    pipeline.getdel(_HITS).getdel(_LOOKUPS).info("memory")
    hits, lookups, memory = pipeline.execute()
    hits, lookups = int(hits or 0), int(lookups or 0)
    return {
        "entries": dict(entries),
        "lookups": lookups,
        "hits": hits,
        "hit_ratio": round(hits / lookups, 4) if lookups else None,
        "used_bytes": memory.get("used_memory"),
    }


def drop_stale() -> int:
    """Removes entries of generations that are gone and asking-counters that lost their expiry; how many.

    Raises redis.RedisError when the cache is down.
    """
    client = _client()
    removed = 0
    for key in client.scan_iter(match="es-hot:*", count=_SCAN_COUNT):
        if client.ttl(key) == -1:
            removed += client.unlink(key)
    generations: dict[str, str] = {}
    for key in client.scan_iter(match="es:*", count=_SCAN_COUNT):
        index = key.decode().split(":")[1]
        if index not in generations:
            generations[index] = (client.get(_generation_key(index)) or b"").decode()
        value = client.get(key)
        entry = _decode(value) if value is not None else None
        if value is not None and (entry is None or entry.generation != generations[index]):
            removed += client.unlink(key)
    return removed


_HITS = "es-stats:hits"
_LOOKUPS = "es-stats:lookups"


def _generation_key(index: str) -> str:
    return f"es-generation:{index}"


def _hot_key(key: str) -> str:
    return f"es-hot:{key}"


def _read(keys: Sequence[str], counts: Mapping[str, int]) -> tuple[list[bytes | None], list[int]]:
    """The values of the keys, and how often each of ``counts`` was asked within its window, this time included."""
    pipeline = _client().pipeline(transaction=False)
    pipeline.mget(keys)
    for key, times in counts.items():
        pipeline.incrby(_hot_key(key), times)
        pipeline.expire(_hot_key(key), HOT_WINDOW_SECONDS, nx=True)
    values, *counters = pipeline.execute()
    return values, counters[::2]


def _note(hits: Mapping[str, Entry], hot: frozenset[str], counts: Mapping[str, int], now: datetime) -> None:
    """Counts hits; an answer that has become hot stays for the hot time, counted from when it was computed."""
    pipeline = _client().pipeline(transaction=False)
    pipeline.incrby(_LOOKUPS, sum(counts.values()))
    pipeline.incrby(_HITS, sum(counts[key] for key in hits))
    for key in hits.keys() & hot:
        left = ttl_seconds("normal", is_hot=True) - hits[key].age_seconds(now)
        if left > 0:
            pipeline.expire(key, left, gt=True)
    pipeline.execute()


def _rest(error: redis.RedisError) -> None:
    _Rest.until = time.monotonic() + _REST_SECONDS
    log.warning("cache_down", error=type(error).__name__, rest_seconds=_REST_SECONDS)


def _decode(value: bytes) -> Entry | None:
    """None for what another release has written."""
    try:
        return _DECODER.decode(value)
    except msgspec.DecodeError:
        return None


def _escape(text: str) -> str:
    """The text as a glob that matches it alone."""
    return "".join(f"\\{mark}" if mark in "*?[]\\^" else mark for mark in text)


def _client() -> Any:  # redis-py types every answer as one of its asynchronous client as well
    return _connect(settings.CACHES["default"]["LOCATION"])


@cache
def _connect(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=5)
