"""What the tests of the request API say and hear."""

from __future__ import annotations

from typing import Any

from rest_framework.test import APIClient

from common_apps.accounts.models import User
from common_apps.audit.models import AuditLog
from common_apps.core import clock
from request_site.submissions.models import IdempotencyKey, Request

REQUESTS = "/api/v1/requests/"
VALIDATE = f"{REQUESTS}validate/"
BULK = f"{REQUESTS}bulk/"
COLUMNS = {
    "id",
    "user_id",
    "query_type",
    "query_params",
    "elasticsearch_query",
    "status",
    "priority",
    "created_at",
    "exported_at",
    "export_batch_id",
    "result_received_at",
    "retry_count",
    "error_message",
    "metadata",
}
MATCH = {"index": "contracts", "query": {"match": {"title": "x"}}}


def assert_problem(answer: Any, status: int, code: str, *pointers: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["detail"]
    assert {error["pointer"] for error in problem["errors"]} >= set(pointers), problem
    return problem


def submit_as(user: User, **changes: Any) -> Request:
    return Request.objects.create(
        **{
            "user_id": user.pk,
            "query_type": "match",
            "query_params": MATCH,
            "created_at": clock.now(),
            "metadata": {},
            **changes,
        }
    )


def counts() -> tuple[int, int, int]:
    return Request.objects.count(), IdempotencyKey.objects.count(), AuditLog.objects.count()


def post(client: APIClient, body: Any, path: str = REQUESTS, **headers: str) -> Any:
    return client.post(path, body, format="json", headers=headers)


def send(client: APIClient, raw: bytes, content_type: str = "application/json") -> Any:
    return client.post(REQUESTS, raw, content_type=content_type)
