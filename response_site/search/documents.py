"""What a document holds for each field of a mapping, checked: the engines are given nothing else."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from common_apps.queries.language.dates import parse_date_millis
from common_apps.queries.language.fields import INTEGER_BOUNDS
from response_site.search.mapping import Field

Value: TypeAlias = str | int | float

# Lucene refuses longer terms (IndexWriter.MAX_TERM_LENGTH).
MAX_KEYWORD_BYTES = 32_766
# struct's formats of IEEE 754's single and half precision.
_NARROW = {"float": "<f", "half_float": "<e"}


class DocumentError(ValueError):
    """A document that doesn't fit the mapping; the text names the field and what is wrong with it."""


def field_values(fields: Iterable[Field], source: dict[str, Any]) -> dict[str, tuple[Value, ...]]:
    """The values of each field that has any, in the document's order; dates as epoch milliseconds.

    Nulls and empty lists count as no value. Raises DocumentError for a value of the wrong type.
    """
    found: dict[str, tuple[Value, ...]] = {}
    for field in fields:
        values = tuple(_typed(field, leaf) for leaf in _leaves(field, source, field.path))
        if values:
            found[field.name] = values
    return found


def unknown_keys(fields: Iterable[Field], source: dict[str, Any]) -> list[str]:
    """The full names of the document's keys that the mapping doesn't know."""
    paths = {field.path for field in fields}
    objects = {path[:depth] for path in paths for depth in range(1, len(path))}
    unknown: list[str] = []
    pending: list[tuple[tuple[str, ...], Any]] = [((), source)]
    while pending:
        path, node = pending.pop()
        if isinstance(node, list):
            pending.extend((path, item) for item in node)
        elif isinstance(node, dict) and (not path or path in objects):
            for key, value in node.items():
                here = (*path, key)
                if here in objects:
                    pending.append((here, value))
                elif here not in paths:
                    unknown.append(".".join(here))
    return unknown


def shortest(value: Value) -> float:
    """A single-precision number by the shortest decimal that names it: 0.1, not 0.10000000149011612."""
    for digits in range(1, 9):
        short = float(f"{value:.{digits}g}")
        if struct.pack("<f", short) == struct.pack("<f", value):
            return short
    return float(value)


def _leaves(field: Field, node: Any, path: tuple[str, ...]) -> Iterator[Any]:
    if node is None:
        return
    if isinstance(node, list):
        for item in node:
            yield from _leaves(field, item, path)
    elif path:
        if not isinstance(node, dict):
            raise DocumentError(f'"{field.name}" should lie in an object, not in {_shown(node)}.')
        yield from _leaves(field, node.get(path[0]), path[1:])
    else:
        yield node


def _typed(field: Field, value: Any) -> Value:
    if field.is_text or field.is_keyword:
        if not isinstance(value, str):
            raise DocumentError(f'"{field.name}" takes text, not {_shown(value)}.')
        if field.is_keyword and len(value) * 4 > MAX_KEYWORD_BYTES < len(value.encode()):
            raise DocumentError(f'"{field.name}" takes at most {MAX_KEYWORD_BYTES} bytes.')
        return value
    if field.is_date:
        return _date(field, value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DocumentError(f'"{field.name}" takes a number, not {_shown(value)}.')
    return _integer(field, value) if field.is_integer else _float(field, value)


def _date(field: Field, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise DocumentError(f'"{field.name}" takes a date, not {_shown(value)}.')
    try:
        return parse_date_millis(value)
    except (ValueError, OverflowError) as error:
        raise DocumentError(f'"{field.name}" takes a date such as 2024-05-31, not {_shown(value)}.') from error


def _integer(field: Field, value: int | float) -> int:
    least, most = INTEGER_BOUNDS[field.type]
    if not isinstance(value, int) or not least <= value <= most:
        raise DocumentError(f'"{field.name}" takes a whole number of {field.type} size, not {_shown(value)}.')
    return value


def _float(field: Field, value: int | float) -> float:
    try:
        number = float(value)
        if field.type in _NARROW:  # what Elasticsearch keeps of it
            number = float(struct.unpack(_NARROW[field.type], struct.pack(_NARROW[field.type], number))[0])
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise DocumentError(f'"{field.name}" takes a finite number of {field.type} size, not {_shown(value)}.')
    return number


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
