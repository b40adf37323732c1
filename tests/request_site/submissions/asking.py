"""What the tests of the request API say and hear."""

from __future__ import annotations

from typing import Any

from common_apps.accounts.models import User
from common_apps.core import clock
from request_site.submissions.models import Request

REQUESTS = "/api/v1/requests/"
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
