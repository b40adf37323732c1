"""The hits of an answer as CSV or NDJSON, a line at a time."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

import msgspec

# A spreadsheet runs what begins so as a formula (OWASP, "CSV Injection"): an apostrophe makes it text.
_FORMULA_MARKS = ("=", "+", "-", "@", "\t", "\r")


class _RawHits(msgspec.Struct):
    hits: list[msgspec.Raw] = []


class _RawAnswer(msgspec.Struct):
    hits: _RawHits = msgspec.field(default_factory=_RawHits)


class _Hit(msgspec.Struct):
    id: str | None = msgspec.field(name="_id", default=None)
    score: float | None = msgspec.field(name="_score", default=None)
    source: dict[str, Any] = msgspec.field(name="_source", default_factory=dict)


class _Hits(msgspec.Struct):
    hits: list[_Hit] = []


class _Answer(msgspec.Struct):
    hits: _Hits = msgspec.field(default_factory=_Hits)


class _Line:
    """A file for csv.writer that hands each line back."""

    def write(self, line: str) -> str:
        return line


def ndjson_lines(result: msgspec.Raw) -> Iterator[bytes]:
    """Each hit as it stands in the answer, one a line."""
    for hit in msgspec.json.decode(result, type=_RawAnswer).hits.hits:
        yield bytes(hit) + b"\n"


def csv_lines(result: msgspec.Raw) -> Iterator[bytes]:
    """RFC 4180, UTF-8: ``_id``, ``_score``, then the fields of all the hits in the order in which they come up.

    Lists and objects are written as JSON. A text that a spreadsheet would take for a formula gets an apostrophe.
    """
    hits = msgspec.json.decode(result, type=_Answer).hits.hits
    fields = list(dict.fromkeys(field for hit in hits for field in hit.source))
    writer = csv.writer(_Line())
    yield _line(writer, ["_id", "_score", *fields])
    for hit in hits:
        yield _line(writer, [hit.id, hit.score, *(hit.source.get(field) for field in fields)])


def _line(writer: Any, values: list[Any]) -> bytes:
    line: str = writer.writerow([_cell(value) for value in values])
    return line.encode()


def _cell(value: Any) -> Any:
    if isinstance(value, bool | list | dict):
        return msgspec.json.encode(value).decode()
    if isinstance(value, str) and value.startswith(_FORMULA_MARKS):
        return f"'{value}"
    return value
