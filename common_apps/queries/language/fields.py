"""The fields of an index, and the four families that the language knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Family(StrEnum):
    """What a field's values are to a query."""

    TEXT = "text"
    KEYWORD = "keyword"
    NUMBER = "number"
    DATE = "date"


INTEGER_BOUNDS = {
    "byte": (-(2**7), 2**7 - 1),
    "short": (-(2**15), 2**15 - 1),
    "integer": (-(2**31), 2**31 - 1),
    "long": (-(2**63), 2**63 - 1),
}
FLOAT_BOUNDS = {
    "half_float": 65_504.0,
    "float": 3.4028234663852886e38,
    "double": 1.7976931348623157e308,
}
_FAMILIES = {
    "text": Family.TEXT,
    "keyword": Family.KEYWORD,
    "date": Family.DATE,
    **dict.fromkeys([*INTEGER_BOUNDS, *FLOAT_BOUNDS], Family.NUMBER),
}

ANY = frozenset(Family)
TEXTUAL = frozenset({Family.TEXT, Family.KEYWORD})
TEXT = frozenset({Family.TEXT})
NUMBER = frozenset({Family.NUMBER})
DATE = frozenset({Family.DATE})
COUNTABLE = frozenset({Family.NUMBER, Family.DATE})
ORDERED = frozenset({Family.KEYWORD, Family.NUMBER, Family.DATE})
"""Families with a value per document: they sort, group and compare. Text is words alone."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field by its full name; ``family`` is None for Elasticsearch types that the language has no values for."""

    name: str
    type: str
    family: Family | None


def read_fields(types: Mapping[str, str]) -> dict[str, Field]:
    """``{"contractor.text": "text"}`` -> fields by name."""
    return {name: Field(name, type_, _FAMILIES.get(type_)) for name, type_ in types.items()}
