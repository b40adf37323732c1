"""Judging a request before it is executed: by this site's own rows, and by the whole query language once more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import structlog

from common_apps.accounts.models import User
from common_apps.queries.kinds import Kind, get_kind
from common_apps.queries.kinds.body import compile_body
from common_apps.queries.language import FieldError, InvalidQuery, NormalizedRequest
from common_apps.queries.selectors import IndexNotAllowedError, Permitted, permitted
from response_site.execution.cache import cache_key
from response_site.execution.failures import (
    INDEX_NOT_ALLOWED,
    INTERNAL_ERROR,
    USER_INACTIVE,
    WORKER_LOST,
    Failure,
    failure_of_faults,
)
from response_site.execution.services.claim import Claim

log = structlog.get_logger("execution.prepare")

# A row that this many workers died with is not given to another one.
MAX_LOST_LEASES = 5


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that may run. ``key``: where its answer is cached."""

    claim: Claim
    kind: Kind
    request: NormalizedRequest
    key: str


def prepare_batch(*, claims: Sequence[Claim]) -> list[Prepared | Failure]:
    """Each claim's request, or why it may not run, in its place. The record's own word on rights counts nothing."""
    users = {
        user_id: (is_active, str(profile))
        for user_id, is_active, profile in User.objects.filter(id__in={claim.user_id for claim in claims}).values_list(
            "id", "is_active", "profile_type_id"
        )
    }
    rights: dict[str, Permitted] = {}
    prepared: list[Prepared | Failure] = []
    for claim in claims:
        is_active, profile = users.get(claim.user_id, (False, ""))
        if claim.lost_leases >= MAX_LOST_LEASES:
            prepared.append(Failure(WORKER_LOST, f"{claim.lost_leases} workers ended while they executed it."))
        elif not is_active:
            prepared.append(
                Failure(USER_INACTIVE, "The response site does not know this user, or the user is not active there.")
            )
        else:
            if profile not in rights:
                rights[profile] = permitted(profile)
            prepared.append(_prepare(claim, rights[profile]))
    return prepared


def _prepare(claim: Claim, rights: Permitted) -> Prepared | Failure:
    body = {"query_type": claim.query_type, "query_params": msgspec.json.decode(claim.query_params)}
    try:
        request = compile_body(body, fields_of=rights.fields_of).request
        if request.size > rights.max_size:
            raise InvalidQuery(
                [
                    FieldError(
                        "/query_params/size",
                        "out_of_range",
                        f"'size' is {request.size}; your profile allows {rights.max_size} hits at once",
                    )
                ]
            )
        kind = get_kind(claim.query_type)
        if kind is None:
            raise LookupError(claim.query_type)
        return Prepared(claim, kind, request, cache_key(request))
    except IndexNotAllowedError as error:
        return Failure(INDEX_NOT_ALLOWED, error.detail)
    except InvalidQuery as error:
        return failure_of_faults("The request is not valid; each fault is in errors.", error.errors)
    except Exception as error:  # a bug met with one request must not end the others of its batch
        log.error("request_not_compiled", request_id=str(claim.original_request_id), exc_info=error)
        return Failure(INTERNAL_ERROR, "The response site could not read this request; its log says why.")
