"""Rows packed by hand are what the database would have read from text."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.db import DataError, IntegrityError, connection, transaction

from common_apps.core.binary_copy import (
    NULL,
    copy_rows,
    pack_bool,
    pack_int2,
    pack_int4,
    pack_int8,
    pack_jsonb,
    pack_text,
    pack_time,
    pack_uuid,
    pack_uuids,
    read_rows,
)

ONE = UUID("019ab000-0000-7000-8000-000000000001")
TWO = UUID("ffffffff-ffff-ffff-ffff-ffffffffffff")
COLUMNS = ("a", "b", "c", "d", "e", "f", "g", "h", "i", "j")

pytestmark = pytest.mark.django_db


@pytest.fixture
def table() -> str:
    """Gone with the test's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE packed (a uuid PRIMARY KEY, b uuid, c text, d json, e jsonb, f timestamptz, g bool,"
            " h smallint, i integer, j bigint) ON COMMIT DROP"
        )
    return "packed"


def _rows() -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT a, b, c, d::text, e::text, f, g, h, i, j FROM packed ORDER BY a")
        return list(cursor.fetchall())


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 11, 23, 14, 5, 6, 789001, tzinfo=UTC),
        datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, tzinfo=UTC),
    ],
)
def test_copied_row_holds_what_was_packed_when_every_type_is_in_it(table: str, moment: datetime) -> None:
    row = (
        pack_uuids(ONE, TWO),
        pack_text('tab\tline\n\\N "ü" \U0001f6a2'),
        pack_text(b'{"b" : 1.0e1}'),
        pack_jsonb(b'{"a":[1]}'),
        pack_time(moment),
        pack_bool(True),
        pack_int2(-3),
        pack_int4(2**31 - 1),
        pack_int8(-(2**63)),
    )
    copy_rows(table, COLUMNS, [b"".join(row)])
    assert _rows() == [
        (
            ONE,
            TWO,
            'tab\tline\n\\N "ü" \U0001f6a2',
            '{"b" : 1.0e1}',
            '{"a": [1]}',
            moment,
            True,
            -3,
            2**31 - 1,
            -(2**63),
        )
    ]


def test_copied_row_holds_nulls_when_nothing_was_packed(table: str) -> None:
    fields = (pack_uuid(None), pack_text(None), pack_text(None), NULL, pack_time(None), NULL, pack_int2(None))
    copy_rows(table, COLUMNS, [pack_uuid(ONE) + b"".join(fields) + pack_int4(None) + pack_int8(None)])
    assert _rows() == [(ONE, *[None] * 9)]


def test_all_rows_are_copied_when_they_are_sent_in_pieces(table: str) -> None:
    ids = [UUID(int=number) for number in range(5000)]
    copy_rows(table, ("a", "c"), (pack_uuid(each) + pack_text("x" * 100) for each in ids))
    assert [row[0] for row in _rows()] == ids


def test_copy_of_nothing_enters_nothing(table: str) -> None:
    copy_rows(table, ("a",), [])
    assert _rows() == []


def test_errors_are_djangos_when_the_database_refuses_a_row(table: str) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        copy_rows(table, ("a",), [pack_uuid(ONE), pack_uuid(ONE)])
    with pytest.raises(DataError), transaction.atomic():
        copy_rows(table, ("a", "d"), [pack_uuid(ONE) + pack_text("no json")])
    assert _rows() == []


def test_rows_are_read_as_they_stand_when_a_query_goes_through_copy(table: str) -> None:
    moment = datetime(2026, 11, 23, 14, 5, 6, 789001, tzinfo=UTC)
    text = 'tab\tline\n\\N % "ü" \U0001f6a2'
    full = pack_uuids(ONE, TWO) + pack_text(text) + pack_text('{"b" : 1.0e1}') + pack_time(moment) + pack_bool(True)
    copy_rows(table, ("a", "b", "c", "d", "f", "g"), [full, pack_uuid(TWO) + NULL * 5])
    query = f"SELECT a, b, c, d, f, g FROM {table} WHERE a = ANY(%s) ORDER BY a"
    types = ("uuid", "uuid", "bytea", "bytea", "timestamptz", "bool")
    assert read_rows(query, types, [[ONE, TWO]]) == [
        (ONE, TWO, text.encode(), b'{"b" : 1.0e1}', moment, True),
        (TWO, None, None, None, None, None),
    ]
    assert read_rows(query, types, [[UUID(int=0)]]) == []


def test_errors_are_djangos_when_a_query_fails_in_copy(table: str) -> None:
    with pytest.raises(DataError), transaction.atomic():
        read_rows(f"SELECT 1 / count(a) FROM {table}", ("int8",))
    assert _rows() == []
