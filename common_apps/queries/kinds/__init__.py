"""The registry of query kinds.

A module of this package that has a list ``KINDS`` adds them: a new kind touches one file, its own.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from common_apps.queries.kinds.kind import Example, Kind

__all__ = ["Example", "Kind", "all_kinds", "get_kind"]


def all_kinds() -> list[Kind]:
    """Every kind, by name."""
    return list(_registry().values())


def get_kind(name: str) -> Kind | None:
    """The kind that ``query_type`` names, or None."""
    return _registry().get(name)


@cache
def _registry() -> dict[str, Kind]:
    found: dict[str, Kind] = {}
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        for kind in getattr(importlib.import_module(module.name), "KINDS", []):
            if kind.name in found:
                raise ValueError(f"two query kinds are called {kind.name!r}: {module.name} brings the second")
            found[kind.name] = kind
    return dict(sorted(found.items()))
