"""Faults in a query: where they are, what they are, and what to do about them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from common_apps.queries.language.limits import LIMITS

SHOWN_CHARACTERS = 64
"""Names that a user sent are quoted up to this length: an error stays readable whatever was sent."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One fault.

    * ``pointer``: RFC 6901 JSON pointer from the root of the request's body; ``""`` is the body itself. A missing
      member is pointed at where it would stand.
    * ``code``: stable, for programs; docs/query-language.md lists them.
    * ``detail``: a sentence for a person.
    """

    pointer: str
    code: str
    detail: str


class InvalidQuery(Exception):  # noqa: N818  the fact, as the API's callers name it
    """A request that the language refuses; ``errors`` holds 1 to 20 faults in the order they were met."""

    def __init__(self, errors: Iterable[FieldError]) -> None:
        self.errors = list(errors)
        super().__init__("; ".join(f"{error.pointer}: {error.detail}" for error in self.errors))


@dataclass(frozen=True, slots=True)
class Pointer:
    """A place in the body. ``Pointer() / "query" / 0`` reads ``/query/0``."""

    text: str = ""

    def __truediv__(self, step: str | int) -> Pointer:
        # RFC 6901, section 3: "~" becomes "~0" and "/" becomes "~1", in that order.
        escaped = step if isinstance(step, int) else step.replace("~", "~0").replace("/", "~1")
        return Pointer(f"{self.text}/{escaped}")

    @property
    def last(self) -> str:
        """The last step's name."""
        return self.text.rpartition("/")[2].replace("~1", "/").replace("~0", "~")

    def __str__(self) -> str:
        return self.text


class Faults:
    """Collects faults while a request is walked, so that a user hears of all of them at once.

    ``add`` raises `InvalidQuery` when the list is full: walking on would cost time and tell nobody anything.
    """

    def __init__(self) -> None:
        self.errors: list[FieldError] = []

    def add(self, at: Pointer, code: str, detail: str) -> None:
        """Notes one fault; raises `InvalidQuery` when it was the last one that fits."""
        self.errors.append(FieldError(shown_pointer(at), code, detail))
        if len(self.errors) >= LIMITS.errors:
            self.raise_if_any()

    def raise_if_any(self) -> None:
        """Raises `InvalidQuery` with everything that was noted, if anything was."""
        if self.errors:
            raise InvalidQuery(self.errors)


def shown_pointer(at: Pointer) -> str:
    """The pointer as text that can be encoded: a lone surrogate in a key must not break the answer about it."""
    return at.text.encode("utf-8", "backslashreplace").decode()


def quoted(name: object) -> str:
    """A name that a user sent, in quotes, cut to a readable length, without control characters or surrogates."""
    text = str(name)
    shown = text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
    return "'" + "".join(mark if mark.isprintable() else f"\\u{ord(mark):04x}" for mark in shown) + "'"


def suggestion(name: str, valid: Iterable[str]) -> str:
    """`` (did you mean 'title'?)`` where a valid name is near, else the valid names where they are few, else ``""``."""
    names = sorted(valid)
    # difflib is quadratic in the length: an over-long name is near to nothing anyway.
    lowered = {known.lower(): known for known in reversed(names)}
    near = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.55) if len(name) <= SHOWN_CHARACTERS else []
    if near:
        return f"; did you mean {quoted(lowered[near[0]])}?"
    if 0 < len(names) <= 24:
        return f"; one of {', '.join(names)}"
    return ""
