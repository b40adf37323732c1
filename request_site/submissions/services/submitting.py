"""Takes requests: validates, stores, audits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from common_apps.accounts.models import User
from common_apps.audit.actors import Actor
from common_apps.audit.services import record
from common_apps.core import clock
from common_apps.core.errors import DomainError, FieldFault
from common_apps.core.strict_json import dumps_canonical
from common_apps.queries.kinds.body import CompiledBody, compile_body
from common_apps.queries.language import FieldError, InvalidQuery
from common_apps.queries.selectors import permitted
from request_site.submissions.models import IdempotencyKey, Request

MAX_KEY_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Verdict:
    """What validating a body said: the search body that an engine would run, or what is wrong."""

    elasticsearch_query: Mapping[str, Any] | None
    errors: list[FieldFault]

    @property
    def valid(self) -> bool:
        """Whether it could be submitted."""
        return self.elasticsearch_query is not None


class _KeyTakenError(Exception):
    """Another submission under the same key has committed first."""


def validate_request(*, user: User, body: object) -> Verdict:
    """Judges a body as ``submit_request`` would, and stores nothing. Raises index_not_allowed."""
    try:
        compiled = _compile(user, body)
    except InvalidQuery as refused:
        return Verdict(None, _faults(refused.errors))
    return Verdict(compiled.request.body(), [])


def submit_request(
    *, user: User, body: object, trace_id: UUID, actor: Actor, idempotency_key: str | None = None
) -> tuple[Request, bool]:
    """Stores one request as pending: (request, replayed).

    ``body``: ``{query_type, query_params, metadata?}`` as parsed. Under an ``idempotency_key`` that this user has used
    before, the same body gets that request and replayed is true. Raises DomainError: validation_failed (every fault
    with its pointer, at most 20), index_not_allowed, idempotency_mismatch.
    """
    if idempotency_key is None:
        compiled = _compile_or_refuse(user, body)
        with transaction.atomic():
            return _store(user, compiled, trace_id, actor), False
    check_key(idempotency_key)
    body_hash = hashlib.sha256(dumps_canonical(body)).hexdigest()
    earlier = _find_earlier(user, idempotency_key, body_hash)
    if earlier is not None:
        return earlier, True
    compiled = _compile_or_refuse(user, body)
    try:
        with transaction.atomic():
            request = _store(user, compiled, trace_id, actor)
            _take_key(request, idempotency_key, body_hash)
            return request, False
    except _KeyTakenError:
        earlier = _find_earlier(user, idempotency_key, body_hash)
        if earlier is None:
            raise
        return earlier, True


def _compile_or_refuse(user: User, body: object) -> CompiledBody:
    try:
        return _compile(user, body)
    except InvalidQuery as refused:
        raise DomainError(
            "validation_failed",
            "The request has faults, each named in errors; nothing was stored.",
            errors=_faults(refused.errors),
        ) from refused


def _compile(user: User, body: object) -> CompiledBody:
    allowed = permitted(user.profile_type_id)
    compiled = compile_body(body, fields_of=allowed.fields_of)
    if compiled.request.size > allowed.max_size:
        raise InvalidQuery(
            [
                FieldError(
                    "/query_params/size",
                    "out_of_range",
                    f"your profile allows {allowed.max_size} hits at once, not {compiled.request.size}",
                )
            ]
        )
    return compiled


def _faults(errors: list[FieldError]) -> list[FieldFault]:
    return [FieldFault(error.pointer, error.code, error.detail) for error in errors]


def _store(user: User, compiled: CompiledBody, trace_id: UUID, actor: Actor) -> Request:
    """The row and its audit row, in the caller's transaction."""
    envelope = compiled.envelope
    request = Request(
        user_id=user.pk,
        query_type=envelope.query_type,
        query_params=envelope.query_params,
        elasticsearch_query=compiled.request.body(),
        priority=user.priority,
        created_at=clock.now(),
        metadata=envelope.metadata,
        trace_id=trace_id,
    )
    request.save(force_insert=True)
    record(
        action="request.submitted",
        actor=actor,
        resource_type="request",
        resource_id=str(request.pk),
        data={"query_type": request.query_type, "index": compiled.request.index},
        status=201,
    )
    return request


def check_key(key: str, *, most: int = MAX_KEY_LENGTH) -> None:
    """Raises DomainError ``validation_failed`` for an Idempotency-Key that can't be one, or is longer than ``most``."""
    if 0 < len(key) <= most and key.isprintable():
        return
    raise DomainError(
        "validation_failed",
        f"The header Idempotency-Key holds 1 to {most} printable characters; a UUID does well.",
    )


def _find_earlier(user: User, key: str, body_hash: str) -> Request | None:
    known = IdempotencyKey.objects.select_related("request").filter(user_id=user.pk, key=key).first()
    if known is None:
        return None
    if known.body_hash != body_hash:
        raise DomainError(
            "idempotency_mismatch",
            "This Idempotency-Key was used with another body; take a new key for a new request.",
        )
    return known.request


def _take_key(request: Request, key: str, body_hash: str) -> None:
    # Waits for a transaction that has just entered the same key, and sees whether it committed.
    IdempotencyKey.objects.bulk_create(
        [
            IdempotencyKey(
                user_id=request.user_id, key=key, body_hash=body_hash, request=request, created_at=request.created_at
            )
        ],
        ignore_conflicts=True,
    )
    if not IdempotencyKey.objects.filter(user_id=request.user_id, key=key, request=request).exists():
        raise _KeyTakenError
