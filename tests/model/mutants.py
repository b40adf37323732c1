"""Each rule of "Who holds what", left out on purpose: what a child puts in the place of the rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_replaced: list[tuple[Any, str, Any]] = []


def leave_out(name: str) -> None:
    """Leaves the rule out until ``put_back``. Raises KeyError for a name that is not in the table."""
    RULES[name]()


def put_back() -> None:
    """Every rule is there again."""
    while _replaced:
        owner, attribute, original = _replaced.pop()
        setattr(owner, attribute, original)


def _replace(owner: Any, attribute: str, value: Any) -> None:
    _replaced.append((owner, attribute, getattr(owner, attribute)))
    setattr(owner, attribute, value)


RULES: dict[str, Callable[[], None]] = {}
