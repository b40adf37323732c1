"""Elasticsearch's ``_source`` filtering: which parts of a document an answer shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def filter_source(source: dict[str, Any], includes: Sequence[str], excludes: Sequence[str]) -> dict[str, Any]:
    """The parts that ``includes`` names (all, when empty) and ``excludes`` doesn't.

    A pattern is a full field name, meaning all beneath it, or the beginning of names with a trailing ``*``.
    """
    return _kept(source, "", includes, excludes, whole=not includes)


def _kept(
    node: dict[str, Any], path: str, includes: Sequence[str], excludes: Sequence[str], *, whole: bool
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.items():
        here = f"{path}.{key}" if path else key
        if _matches(here, excludes):
            continue
        inside = whole or _matches(here, includes)
        if not inside and not _leads_to(here, includes):
            continue
        if isinstance(value, dict):
            below = _kept(value, here, includes, excludes, whole=inside)
            if below or (inside and not value):
                found[key] = below
        elif isinstance(value, list):
            items = [
                _kept(item, here, includes, excludes, whole=inside) if isinstance(item, dict) else item
                for item in value
                if inside or isinstance(item, dict)
            ]
            if inside or any(items):
                found[key] = [item for item in items if inside or item]
        elif inside:
            found[key] = value
    return found


def _matches(path: str, patterns: Sequence[str]) -> bool:
    return any(
        path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern or path.startswith(f"{pattern}.")
        for pattern in patterns
    )


def _leads_to(path: str, patterns: Sequence[str]) -> bool:
    return any(pattern.startswith(f"{path}.") for pattern in patterns)
