"""What executing one request came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from response_site.execution.failures import Failure


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer: ``result`` as JSON. ``cache_age_s``: None unless it came from the cache or a twin in its batch."""

    result: bytes
    count: int | None
    took_ms: int | None
    cache_age_s: int | None = None


@dataclass(frozen=True, slots=True)
class Passing:
    """A failure that may pass: tried again after a while, five times at most."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Waiting:
    """The engine is not there. Nobody is to blame, so nothing is counted: the request goes on waiting."""

    detail: str


Outcome: TypeAlias = Answered | Failure | Passing | Waiting
