"""Reads the whole body of a submission: envelope, index, query."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from common_apps.queries.kinds import get_kind
from common_apps.queries.language import (
    LIMITS,
    Envelope,
    FieldError,
    InvalidQuery,
    NormalizedRequest,
    compile_request,
    inspect_envelope,
    read_index,
)


class CompiledBody(NamedTuple):
    """A sound submission: its parts as they were sent, and what an engine is to run."""

    envelope: Envelope
    request: NormalizedRequest


def compile_body(body: object, *, fields_of: Callable[[str], Mapping[str, str]]) -> CompiledBody:
    """Validates ``{query_type, query_params, metadata?}``, telling the faults of every layer at once.

    ``fields_of(index)`` answers the index's fields (full name -> Elasticsearch type), and is where the caller refuses
    an index by an exception of its own: it is called before anything else in ``query_params`` is judged. Raises
    `InvalidQuery`.
    """
    envelope, errors = inspect_envelope(body)
    request: NormalizedRequest | None = None
    if not any(error.pointer in ("", "/query_params") for error in errors):
        request, within = _compile_within(envelope, fields_of)
        told = {error.pointer for error in errors}
        errors += [error for error in within if error.pointer not in told]
    if errors or request is None:
        raise InvalidQuery(errors[: LIMITS.errors])
    return CompiledBody(envelope, request)


def _compile_within(
    envelope: Envelope, fields_of: Callable[[str], Mapping[str, str]]
) -> tuple[NormalizedRequest | None, list[FieldError]]:
    fields: Mapping[str, str] = {}
    try:
        fields = fields_of(read_index(envelope.query_params))
    except InvalidQuery as without_index:
        # Which fields there are is not known: what can't be judged would only read as further faults.
        return None, without_index.errors
    kind = get_kind(envelope.query_type)
    try:
        if kind is None:
            # Unknown: say so, together with what is wrong in the rest.
            return compile_request(
                query_type=envelope.query_type, query_params=envelope.query_params, fields=fields
            ), []
        return kind.compile(envelope.query_params, fields), []
    except InvalidQuery as refused:
        return None, refused.errors
