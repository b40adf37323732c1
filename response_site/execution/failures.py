"""Why a request failed, as its asker reads it: a problem document (RFC 9457) that travels back like any answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

import msgspec

USER_INACTIVE = "user_inactive"
INDEX_NOT_ALLOWED = "index_not_allowed"
VALIDATION_FAILED = "validation_failed"
INTERNAL_ERROR = "internal_error"
ENGINE_ERROR = "engine_error"
WORKER_LOST = "worker_lost"
RESULT_TOO_LARGE = "result_too_large"
ANSWER_DISCARDED = "answer_discarded"

# code -> (status as HTTP would say it, title). Codes are stable. The engines' own codes stand here, too.
FAILURES: dict[str, tuple[int, str]] = {
    VALIDATION_FAILED: (400, "The request is not valid"),
    "too_many_buckets": (400, "The answer would hold too many buckets"),
    USER_INACTIVE: (403, "The user may not ask"),
    INDEX_NOT_ALLOWED: (403, "This index may not be asked"),
    "index_missing": (404, "The index has not been loaded"),
    RESULT_TOO_LARGE: (413, "The answer is too large to be carried"),
    ENGINE_ERROR: (500, "The search engine could not answer"),
    INTERNAL_ERROR: (500, "Something went wrong on the response site"),
    WORKER_LOST: (500, "Every worker that took the request was lost"),
    ANSWER_DISCARDED: (500, "The answer was discarded on its way"),
    "engine_unavailable": (503, "The search engine was not there"),
    "query_timeout": (504, "The search took too long"),
}
_UNKNOWN = (500, "The request could not be executed")


class Fault(Protocol):
    """One fault in a request; pointers are RFC 6901, from the root of the body that the user sent."""

    @property
    def pointer(self) -> str: ...

    @property
    def code(self) -> str: ...

    @property
    def detail(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Failure:
    """A stable code, a sentence for a person, and the faults where there are some."""

    code: str
    detail: str
    errors: tuple[dict[str, str], ...] = ()


def failure_of_faults(detail: str, faults: Iterable[Fault]) -> Failure:
    """`validation_failed` with each fault's pointer, code and words."""
    errors = tuple({"pointer": fault.pointer, "code": fault.code, "detail": fault.detail} for fault in faults)
    return Failure(VALIDATION_FAILED, detail, errors)


def problem_bytes(failure: Failure, *, original_request_id: UUID, trace_id: UUID) -> bytes:
    """The problem document as JSON, the same members as those of the API."""
    status, title = FAILURES.get(failure.code, _UNKNOWN)
    document: dict[str, Any] = {
        "type": f"urn:airferry:problem:{failure.code}",
        "title": title,
        "status": status,
        "detail": failure.detail,
        "instance": f"/api/v1/requests/{original_request_id}/",
        "code": failure.code,
        "request_id": str(trace_id),
        "errors": list(failure.errors),
    }
    return msgspec.json.encode(document)
