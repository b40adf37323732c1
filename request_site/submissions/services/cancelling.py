"""Gives requests up, and asks them anew."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from common_apps.accounts.models import User
from common_apps.audit.actors import Actor
from common_apps.audit.services import record
from common_apps.core import clock
from common_apps.core.errors import DomainError
from request_site.submissions.choices import CancellationStatus, RequestStatus
from request_site.submissions.models import Cancellation, Request
from request_site.submissions.selectors import get_request
from request_site.submissions.services.submitting import submit_request

MAX_RETRIES = 5
_ENDED_WITHOUT_RESULT = (RequestStatus.FAILED, RequestStatus.CANCELLED)


def cancel_request(*, user: User, request_id: UUID, actor: Actor) -> Request:
    """Gives a request up: at once and for good where it never left (status ``cancelled``), else by asking the other
    site.

    Then the request stays as it is until its answer comes: ``cancelled``, or the result where it was too late.
    Cancelling again changes nothing. Raises DomainError: not_found, permission_denied (somebody else's, seen by an
    operator), conflict (it has an answer already).
    """
    with transaction.atomic():
        request = _own(user, request_id)
        request = Request.objects.select_for_update().get(pk=request.pk)
        if request.status == RequestStatus.CANCELLED:
            return request
        if request.status in RequestStatus.final():
            raise DomainError("conflict", f"The request has {request.status} already: there is nothing left to cancel.")
        if request.export_batch_id is None:
            request.status = RequestStatus.CANCELLED
            request.save(update_fields=["status"])
            _audit("request.cancelled", request, actor)
            return request
        asked = {"user_id": user.pk, "asked_at": clock.now()}
        _, is_new = Cancellation.objects.get_or_create(request=request, defaults=asked)
        ended = Cancellation.objects.filter(request=request, status=CancellationStatus.ENDED)
        # A wish that was discarded on its way may be made again.
        if is_new or ended.update(status=CancellationStatus.PENDING, **asked):
            _audit("request.cancel_asked", request, actor)
    return request


def retry_request(*, user: User, request_id: UUID, trace_id: UUID, actor: Actor) -> Request:
    """A new request with the question of one that failed or was cancelled; its metadata names that one, ``retry_of``.

    Raises DomainError: not_found, permission_denied, conflict (not ended yet, answered, or retried five times), and
    what ``submit_request`` raises: what was allowed then may not be any more.
    """
    old = _own(user, request_id)
    if old.status not in _ENDED_WITHOUT_RESULT:
        raise DomainError(
            "conflict", f"Only a request that failed or was cancelled is retried; this one is {old.status}."
        )
    if old.retry_count >= MAX_RETRIES:
        raise DomainError(
            "conflict",
            f"It was retried {MAX_RETRIES} times already: find out why it fails, then submit it as a new one.",
        )
    body = {
        "query_type": old.query_type,
        "query_params": old.query_params,
        "metadata": {**old.metadata, "retry_of": str(old.pk)},
    }
    with transaction.atomic():
        request, _ = submit_request(user=user, body=body, trace_id=trace_id, actor=actor)
        request.retry_count = old.retry_count + 1
        request.save(update_fields=["retry_count"])
    return request


def _own(user: User, request_id: UUID) -> Request:
    """The asker's own; an admin may act for everyone."""
    request = get_request(user=user, request_id=request_id)
    if request.user_id != user.pk and not user.has_perm("submissions.change_request"):
        raise DomainError("permission_denied", "Only its asker or an admin may change a request.")
    return request


def _audit(action: str, request: Request, actor: Actor) -> None:
    record(action=action, actor=actor, resource_type="request", resource_id=str(request.pk))
