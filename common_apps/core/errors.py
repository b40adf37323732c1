"""Errors that a person or a program may meet. Services raise them; the API, the admin and commands show them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One fault in a body: an RFC 6901 pointer from the body's root, a stable code, and words for a person."""

    pointer: str
    code: str
    detail: str


@dataclass
class DomainError(Exception):
    """What went wrong, by a stable code of ``common_apps.core.api.problems.PROBLEMS``, and what to do about it."""

    code: str
    detail: str
    errors: list[FieldFault] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"
