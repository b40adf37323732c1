"""One request, and its answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec
from django.db.models import TextField
from django.db.models.functions import Cast

from common_apps.accounts.models import User
from common_apps.core.errors import DomainError
from request_site.submissions.choices import RequestStatus
from request_site.submissions.models import Request


@dataclass(frozen=True, slots=True)
class Answer:
    """What there is to tell of a request's result. ``result``: raw JSON, the engine's answer or a problem document."""

    request_id: UUID
    status: RequestStatus
    error_code: str
    error_message: str
    is_kept: bool
    result: msgspec.Raw | None
    result_count: int | None
    execution_time_ms: int | None
    elasticsearch_took_ms: int | None
    cache_hit: bool
    cache_age_s: int | None
    executed_at: datetime | None
    received_at: datetime | None


def get_request(*, user: User, request_id: UUID) -> Request:
    """A request that the user may see; DomainError not_found also for another user's."""
    found = Request.objects.visible_to(user).filter(pk=request_id).first()
    if found is None:
        raise _unknown()
    return found


def get_answer(*, user: User, request_id: UUID) -> Answer:
    """The answer of a request that the user may see, its JSON undecoded; DomainError not_found."""
    row = (
        Request.objects.visible_to(user)
        .filter(pk=request_id)
        .values_list(
            "pk",
            "status",
            "error_code",
            "error_message",
            "response__pk",
            Cast("response__result_data", TextField()),
            "response__result_count",
            "response__execution_time_ms",
            "response__elasticsearch_took_ms",
            "response__is_cached",
            "response__cache_age_s",
            "response__executed_at",
            "response__received_at",
        )
        .first()
    )
    if row is None:
        raise _unknown()
    pk, status, code, message, response_id, raw, *rest = row
    count, execution_ms, took_ms, is_cached, age_s, executed, received = rest
    return Answer(
        request_id=pk,
        status=RequestStatus(status),
        error_code=code,
        error_message=message,
        is_kept=response_id is not None,
        result=None if raw is None else msgspec.Raw(raw.encode()),
        result_count=count,
        execution_time_ms=execution_ms,
        elasticsearch_took_ms=took_ms,
        cache_hit=bool(is_cached),
        cache_age_s=age_s,
        executed_at=executed,
        received_at=received,
    )


def _unknown() -> DomainError:
    return DomainError("not_found", "There is no request of this id, or it is not yours to see.")
