"""What the API tells of requests and answers. Plain dicts: a serializer's loop would cost more than the insert."""

from __future__ import annotations

from typing import Any

from request_site.submissions.choices import RequestStatus
from request_site.submissions.models import Request
from request_site.submissions.selectors import Answer, Timeline


def request_document(request: Request) -> dict[str, Any]:
    """Every column of ``requests``."""
    return {
        "id": request.pk,
        "user_id": request.user_id,
        "query_type": request.query_type,
        "query_params": request.query_params,
        "elasticsearch_query": request.elasticsearch_query,
        "status": request.status,
        "priority": request.priority,
        "created_at": request.created_at,
        "exported_at": request.exported_at,
        "export_batch_id": request.export_batch_id,
        "result_received_at": request.result_received_at,
        "retry_count": request.retry_count,
        "error_code": request.error_code or None,
        "error_message": request.error_message or None,
        "metadata": request.metadata,
        "trace_id": request.trace_id,
        "recovered": request.recovered,
    }


def submitted_document(request: Request) -> dict[str, Any]:
    """The same as it was when it had just been taken, whatever has become of it: an idempotent replay answers this."""
    return {
        **request_document(request),
        "status": RequestStatus.PENDING.value,
        "exported_at": None,
        "export_batch_id": None,
        "result_received_at": None,
        "retry_count": 0,
        "error_code": None,
        "error_message": None,
    }


def answer_document(answer: Answer) -> dict[str, Any]:
    """The result as the API gives it; while it is under way, ``result`` and the numbers are null."""
    return {
        "request_id": answer.request_id,
        "status": answer.status.value,
        "result": answer.result,
        "result_count": answer.result_count,
        "execution_time_ms": answer.execution_time_ms,
        "elasticsearch_took_ms": answer.elasticsearch_took_ms,
        "cache": {"hit": answer.cache_hit, "age_s": answer.cache_age_s},
        "executed_at": answer.executed_at,
        "received_at": answer.received_at,
    }


def timeline_document(request: Request, timeline: Timeline) -> dict[str, Any]:
    """The way of a request, hop by hop."""
    return {
        "request_id": request.pk,
        "status": request.status,
        "hops": [{"name": hop.name, "meaning": hop.meaning, "at": hop.at} for hop in timeline.hops],
        "waits_for": timeline.waits_for,
        "detail": timeline.detail,
        "trip": timeline.trip,
        "cancel_asked_at": timeline.cancel_asked_at,
        "estimate": {
            "expected_at": timeline.expected_at,
            "overdue": timeline.overdue,
            "samples": timeline.samples,
        },
    }
