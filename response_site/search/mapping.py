"""An Elasticsearch mapping, flattened: which fields there are, their types, and where a document holds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from common_apps.queries.language.fields import FLOAT_BOUNDS, INTEGER_BOUNDS
from response_site.search.engine import IndexWriteError, Mapping

TYPES = frozenset({"keyword", "text", "date", *FLOAT_BOUNDS, *INTEGER_BOUNDS})
_MAX_DEPTH = 20


@dataclass(frozen=True, slots=True)
class Field:
    """One searchable field. ``path``: the keys that lead to its value in a document's source."""

    name: str
    type: str
    path: tuple[str, ...]

    @property
    def is_text(self) -> bool:
        return self.type == "text"

    @property
    def is_keyword(self) -> bool:
        return self.type == "keyword"

    @property
    def is_date(self) -> bool:
        return self.type == "date"

    @property
    def is_integer(self) -> bool:
        return self.type in INTEGER_BOUNDS

    @property
    def is_float(self) -> bool:
        return self.type in FLOAT_BOUNDS

    @property
    def is_narrow(self) -> bool:
        """Whether its numbers have less than a double's precision."""
        return self.is_float and self.type != "double"


def flatten(mapping: Mapping) -> dict[str, Field]:
    """Every field by its full name: objects and multi-fields joined by dots, in the mapping's order.

    Raises IndexWriteError for what isn't a mapping, or for a type that the engines don't share.
    """
    found: dict[str, Field] = {}
    _walk(mapping, (), found)
    if not found:
        raise IndexWriteError('The mapping has no fields: give {"properties": {NAME: {"type": ...}}}.')
    return found


def _walk(node: Any, path: tuple[str, ...], found: dict[str, Field]) -> None:
    properties = node.get("properties") if isinstance(node, dict) else None
    if not isinstance(properties, dict) or len(path) > _MAX_DEPTH:
        raise IndexWriteError(f'The mapping of "{".".join(path) or "the index"}" has no sound "properties".')
    for key, definition in properties.items():
        here = (*path, key)
        if not isinstance(definition, dict):
            raise IndexWriteError(f'The mapping of "{".".join(here)}" is not an object.')
        if "properties" in definition:
            _walk(definition, here, found)
            continue
        _add(".".join(here), definition, here, found)
        for sub, sub_definition in (definition.get("fields") or {}).items():
            _add(".".join((*here, sub)), sub_definition, here, found)


def _add(name: str, definition: Any, path: tuple[str, ...], found: dict[str, Field]) -> None:
    kind = definition.get("type") if isinstance(definition, dict) else None
    if kind not in TYPES:
        raise IndexWriteError(f'The mapping of "{name}" has the type {kind!r}; known are {", ".join(sorted(TYPES))}.')
    if name in found or name.startswith("_"):
        raise IndexWriteError(f'The mapping names "{name}" twice, or with a leading underscore.')
    found[name] = Field(name, kind, path)
