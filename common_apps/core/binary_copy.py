"""PostgreSQL's binary COPY. What goes in is packed by hand: a tenth of what building rows value by value costs.

A row is its fields one after the other, so fields that all rows share are packed once. The types must be the columns'
own, exactly: nothing is cast (https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import Any
from uuid import UUID

from django.db import connection

NULL = b"\xff\xff\xff\xff"

_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER = b"\xff\xff"
_UUID_LENGTH = b"\x00\x00\x00\x10"
_LENGTH = Struct(">i").pack
_COUNT = Struct(">h").pack
_INT2 = Struct(">ih").pack
_INT4 = Struct(">ii").pack
_INT8 = Struct(">iq").pack
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# The database reads what was sent while the next rows are packed.
_AT_ONCE = 32 * 1024


def pack_uuid(value: UUID | None) -> bytes:
    """A uuid."""
    return NULL if value is None else _UUID_LENGTH + value.bytes


def pack_uuids(*values: UUID) -> bytes:
    """Several, one after the other."""
    return b"".join([_UUID_LENGTH + value.int.to_bytes(16) for value in values])


def pack_uuid_texts(texts: Sequence[str]) -> list[bytes]:
    """A uuid for each text, which must be one with dashes."""
    raw = bytes.fromhex("".join(texts).replace("-", ""))
    return [_UUID_LENGTH + raw[at : at + 16] for at in range(0, len(raw), 16)]


def pack_text(value: str | bytes | None) -> bytes:
    """A text, varchar or json; bytes are UTF-8 already."""
    if value is None:
        return NULL
    raw = value.encode() if isinstance(value, str) else value
    return _LENGTH(len(raw)) + raw


def pack_jsonb(value: bytes) -> bytes:
    """A jsonb, given as JSON."""
    return _LENGTH(len(value) + 1) + b"\x01" + value


def pack_time(value: datetime | None) -> bytes:
    """A timestamptz; ``value`` is aware."""
    return NULL if value is None else _INT8(8, (value - _EPOCH) // _MICROSECOND)


def pack_bool(value: bool) -> bytes:
    """A boolean."""
    return b"\x00\x00\x00\x01\x01" if value else b"\x00\x00\x00\x01\x00"


def pack_int2(value: int | None) -> bytes:
    """A smallint."""
    return NULL if value is None else _INT2(2, value)


def pack_int4(value: int | None) -> bytes:
    """An integer."""
    return NULL if value is None else _INT4(4, value)


def pack_int8(value: int | None) -> bytes:
    """A bigint."""
    return NULL if value is None else _INT8(8, value)


def copy_rows(table: str, columns: Sequence[str], rows: Iterable[bytes]) -> None:
    """Copies the rows into the table: each is its fields, in the order of the columns. Raises IntegrityError,
    DataError.

    ``table`` and ``columns`` are the caller's own words, never anybody's input.
    """
    count = _COUNT(len(columns))
    # Errors of psycopg's own copy don't pass through Django, which would make them Django's.
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT binary)") as copy,
    ):
        pending = [_HEADER]
        size = 0
        for row in rows:
            pending.append(count + row)
            size += len(row)
            if size > _AT_ONCE:
                copy.write(b"".join(pending))
                pending, size = [], 0
        pending.append(_TRAILER)
        copy.write(b"".join(pending))


def read_rows(
    query: str, types: Sequence[str], parameters: Sequence[object] | Mapping[str, object] = ()
) -> list[tuple[Any, ...]]:
    """The rows of a query, through COPY: all of them, since until the last is read the connection takes no other
    statement. Raises as a cursor.

    ``types``: the columns' own, by PostgreSQL's names; a text or json column named ``bytea`` is given as its UTF-8.
    ``query`` is the caller's own words.
    """
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT binary)", parameters or None) as copy,
    ):
        copy.set_types(types)
        return list(copy.rows())
