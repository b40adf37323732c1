"""The list of requests: filters, order, and pages that hold every row once."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from rest_framework.test import APIClient

from common_apps.accounts.models import User
from tests.request_site.submissions.asking import REQUESTS, assert_problem, submit_as

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def cursor(*parts: Any) -> str:
    return urlsafe_b64encode(msgspec.json.encode(parts)).decode()


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("status=lost", "/status"),
        ("query_type=macth", "/query_type"),
        ("created_after=yesterday", "/created_after"),
        ("created_after=9999-12-31T23:59:59-23:59", "/created_after"),
        ("created_before=0001-01-01T00:00:00%2B23:59", "/created_before"),
        ("ordering=colour", "/ordering"),
        ("page_size=0", "/page_size"),
        ("page_size=201", "/page_size"),
        ("page_size=many", "/page_size"),
        ("page_size=%D9%A5", "/page_size"),
        ("cursor=nonsense", "/cursor"),
        ("cursor=%FF", "/cursor"),
        ("cursor=cD1nYXJiYWdl", "/cursor"),
        (f"cursor={cursor(False, 'yesterday', 'x')}", "/cursor"),
        (f"cursor={cursor(False, '2026-01-01', str(NOW))}", "/cursor"),
        (f"cursor={cursor(False, '0001-01-01T00:00:00+23:59', '01890000-0000-7000-8000-000000000000')}", "/cursor"),
        (f"cursor={cursor(False, NOW.isoformat(), chr(0))}", "/cursor"),
        (f"cursor={cursor(False, NOW.isoformat())}", "/cursor"),
        (f"cursor={urlsafe_b64encode(b'5').decode()}", "/cursor"),
        (f"cursor={urlsafe_b64encode(b'[]').decode()}", "/cursor"),
        (f"cursor={cursor(1, NOW.isoformat(), 'x')}", "/cursor"),
        (f"ordering=priority&cursor={cursor(False, '9' * 30, '01890000-0000-7000-8000-000000000000')}", "/cursor"),
    ],
)
def test_list_refuses_when_the_query_string_is_wrong(client: APIClient, query: str, pointer: str) -> None:
    assert_problem(client.get(f"{REQUESTS}?{query}"), 400, "validation_failed", pointer)


def test_list_refuses_when_the_cursor_is_of_another_order(client: APIClient, user: User) -> None:
    for _ in range(2):
        submit_as(user)
    address = client.get(f"{REQUESTS}?page_size=1").json()["next"]
    assert_problem(client.get(f"{address}&ordering=priority"), 400, "validation_failed", "/cursor")


def test_pages_hold_every_row_once_when_rows_are_added_meanwhile(client: APIClient, user: User) -> None:
    rows = [submit_as(user) for _ in range(5)]
    seen, address = [], f"{REQUESTS}?page_size=2"
    while address:
        page = client.get(address).json()
        seen += [row["id"] for row in page["results"]]
        address = page["next"]
        submit_as(user)
    assert seen == [str(row.pk) for row in reversed(rows)]


@pytest.mark.parametrize("ordering", ["created_at", "-created_at", "priority", "-priority"])
def test_pages_lead_there_and_back_when_rows_are_alike(client: APIClient, user: User, ordering: str) -> None:
    rows = [submit_as(user, priority=priority, created_at=NOW) for priority in (5, 5, 5, 3, 5, 3, 5)]
    column = ordering.removeprefix("-")
    rows.sort(key=lambda row: (getattr(row, column), row.pk), reverse=ordering.startswith("-"))
    expected = [str(row.pk) for row in rows]
    pages, address = [], f"{REQUESTS}?page_size=3&ordering={quote(ordering)}"
    while address:
        pages.append(client.get(address).json())
        address = pages[-1]["next"]
    assert [row["id"] for page in pages for row in page["results"]] == expected
    assert [len(page["results"]) for page in pages] == [3, 3, 1]
    assert pages[0]["previous"] is None
    back = client.get(pages[2]["previous"]).json()
    assert back["results"] == pages[1]["results"] and back["next"] is not None
    first = client.get(back["previous"]).json()
    assert first["results"] == pages[0]["results"] and first["previous"] is None
    assert client.get(first["next"]).json()["results"] == pages[1]["results"]
