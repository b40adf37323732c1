"""POST and GET requests/: what a user meets."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework.test import APIClient

from common_apps.audit.models import AuditLog
from request_site.submissions.models import Request

REQUESTS = "/api/v1/requests/"
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


def post(client: APIClient, body: Any, **headers: str) -> Any:
    return client.post(REQUESTS, body, format="json", headers=headers)


def test_submit_stores_a_pending_row_when_the_request_is_sound(
    client: APIClient, user: Any, body: dict[str, Any]
) -> None:
    answer = post(client, body)
    assert answer.status_code == 201, answer.content
    told = answer.json()
    stored = Request.objects.get()
    assert told.keys() >= COLUMNS
    assert answer["Location"] == f"{REQUESTS}{told['id']}/"
    assert (stored.pk, stored.user_id, stored.status, stored.priority) == (
        UUID(told["id"]),
        user.pk,
        "pending",
        user.priority,
    )
    assert stored.query_params == body["query_params"] == told["query_params"]
    assert told["elasticsearch_query"]["query"] == {"match": {"title": {"query": "flood control"}}}
    assert told["created_at"].endswith("Z")
    audited = AuditLog.objects.get(action="request.submitted")
    assert (audited.user_id, audited.resource_id) == (user.pk, told["id"])
    assert client.get(answer["Location"]).json() == told
