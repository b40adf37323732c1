"""GET requests/{id}/result/ in every state and format."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from rest_framework.test import APIClient

from common_apps.accounts.models import User
from common_apps.core.ids import new_id
from request_site.submissions.models import Request, Response
from tests.factories import make_user

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RAW = (
    '{"took":3,"timed_out":false,"hits":{"total":{"value":2,"relation":"eq"},"max_score":1.5,"hits":[{"_index":"contracts","_id":"7",'
    '"_score":1.5,"_source":{"title":"=SUM(A1)\\nflood, \\"control\\"","amount":1e300}},'
    '{"_index":"contracts","_id":"8","_score":null,"_source":{"title":"\u0633\u06cc\u0644","tags":["a"],"open":true}}]},'
    '"aggregations":{"z":{"value":1.0},"a":{"value":547603497105.14}}}'
)


def make(user: User, status: str, answer: str | None = None, **changes: Any) -> str:
    row = Request.objects.create(
        **{
            "user_id": user.pk,
            "query_type": "match",
            "query_params": {},
            "status": status,
            "created_at": NOW,
            "result_received_at": NOW,
            "metadata": {},
            **changes,
        }
    )
    if answer is not None:
        Response.objects.create(
            request=row,
            result_data=msgspec.Raw(answer.encode()),
            result_count=2,
            execution_time_ms=12,
            elasticsearch_took_ms=3,
            executed_at=NOW,
            received_at=NOW,
            is_cached=True,
            cache_age_s=4,
        )
    return f"/api/v1/requests/{row.pk}/result/"


def test_result_is_the_engines_answer_when_completed(client: APIClient, user: User) -> None:
    answer = client.get(make(user, "completed", RAW))
    assert answer.status_code == 200
    assert f'"result":{RAW}'.encode() in answer.content
    told = answer.json()
    request_id = str(Request.objects.get().pk)
    assert told == {
        "request_id": request_id,
        "status": "completed",
        "result": json.loads(RAW),
        "result_count": 2,
        "execution_time_ms": 12,
        "elasticsearch_took_ms": 3,
        "cache": {"hit": True, "age_s": 4},
        "executed_at": "2026-01-02T03:04:05Z",
        "received_at": "2026-01-02T03:04:05Z",
    }
    assert client.get(f"/api/v1/requests/{request_id}/result/?format=json").content == answer.content


@pytest.mark.parametrize("options", [{"query": "?format=csv"}, {"accept": "text/csv"}])
def test_hits_are_csv_when_asked_for(client: APIClient, user: User, options: dict[str, str]) -> None:
    address = make(user, "completed", RAW) + options.get("query", "")
    answer = client.get(address, headers={"accept": options.get("accept", "*/*")})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.getvalue().decode(), newline="")))
    assert rows == [
        {
            "_id": "7",
            "_score": "1.5",
            "title": '\'=SUM(A1)\nflood, "control"',
            "amount": "1e+300",
            "tags": "",
            "open": "",
        },
        {"_id": "8", "_score": "", "title": "سیل", "amount": "", "tags": '["a"]', "open": "true"},
    ]


def test_hits_are_ndjson_when_asked_for(client: APIClient, user: User) -> None:
    answer = client.get(make(user, "completed", RAW) + "?format=ndjson")
    assert answer["Content-Type"] == "application/x-ndjson; charset=utf-8"
    assert [json.loads(line) for line in answer.getvalue().splitlines()] == json.loads(RAW)["hits"]["hits"]


@pytest.mark.parametrize("name", ["csv", "ndjson"])
def test_export_is_empty_when_there_are_no_hits(client: APIClient, user: User, name: str) -> None:
    answer = client.get(make(user, "completed", '{"took":1,"hits":{"hits":[]},"aggregations":{}}') + f"?format={name}")
    assert answer.status_code == 200
    assert answer.getvalue() == (b"_id,_score\r\n" if name == "csv" else b"")


def test_result_is_under_way_when_the_request_is_not_final(client: APIClient, user: User) -> None:
    address = make(user, "pending", result_received_at=None)
    for query in ("", "?format=csv"):
        answer = client.get(address + query)
        assert answer.status_code == 202
        assert int(answer["Retry-After"]) > 0
        assert answer["Content-Type"] == "application/json"
        assert (answer.json()["status"], answer.json()["result"]) == ("pending", None)


@pytest.mark.parametrize("query", ["", "?format=csv", "?format=ndjson"])
def test_reason_is_told_when_the_request_failed(client: APIClient, user: User, query: str) -> None:
    problem = '{"code":"too_many_buckets","detail":"More than 10,000 buckets.","status":400}'
    failed = {"error_code": "too_many_buckets", "error_message": "More than 10,000 buckets."}
    answer = client.get(make(user, "failed", problem, **failed) + query)
    assert answer.status_code == 409
    assert answer["Content-Type"] == "application/problem+json"
    told = answer.json()
    assert (told["code"], told["detail"]) == ("request_failed", "More than 10,000 buckets.")
    assert told["reason"] == json.loads(problem)


def test_reason_is_told_when_the_request_failed_without_an_answer(client: APIClient, user: User) -> None:
    told = client.get(make(user, "failed", error_code="record_conflict", error_message="Not taken.")).json()
    assert (told["code"], told["reason"]) == ("request_failed", {"code": "record_conflict", "detail": "Not taken."})


def test_cancellation_and_expiry_are_told_when_there_is_no_result(client: APIClient, user: User) -> None:
    cancelled = client.get(make(user, "cancelled"))
    assert (cancelled.status_code, cancelled.json()["code"]) == (409, "request_cancelled")
    expired = client.get(make(user, "completed"))
    assert (expired.status_code, expired.json()["code"]) == (410, "result_expired")


def test_format_is_refused_when_it_is_unknown(client: APIClient, user: User) -> None:
    answer = client.get(make(user, "completed", RAW) + "?format=xml")
    assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")


def test_result_is_not_found_when_it_is_anothers(client: APIClient, client_of: Callable[..., APIClient]) -> None:
    address = make(make_user("bob"), "completed", RAW)
    assert client.get(address).status_code == 404
    assert client.get(f"/api/v1/requests/{new_id()}/result/").status_code == 404
    assert client_of(make_user("olga", role="operator")).get(address).status_code == 200
    assert APIClient().get(address).status_code == 401
