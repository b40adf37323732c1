"""What a query kind is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from common_apps.queries.language import NormalizedRequest

Json = Any
CacheClass = Literal["normal", "aggregation"]


class Example(TypedDict):
    """A request over the sample dataset ``contracts`` that a reader can send as it is."""

    title: str
    query_params: dict[str, Json]


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to ask: what ``query_type`` names.

    * ``schema``: JSON Schema (2020-12) of ``query_params``, for clients and the docs; ``compile`` is what judges.
    * ``cache_class``: how long an answer is kept, ``normal`` or ``aggregation``.
    * ``compile(query_params, fields)``: ``fields`` maps a field's full name to its Elasticsearch type; raises
      `InvalidQuery`.
    * ``shape(response)``: from the engine's Elasticsearch-shaped response to what the user gets as ``result``.
    """

    name: str
    title: str
    description: str
    schema: dict[str, Json]
    examples: list[Example]
    cache_class: CacheClass
    compile: Callable[[object, Mapping[str, str]], NormalizedRequest]
    shape: Callable[[dict[str, Json]], dict[str, Json]]
