"""The body around a query: ``{query_type, query_params, metadata?}``."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from common_apps.queries.language.errors import FieldError, InvalidQuery, Pointer
from common_apps.queries.language.limits import LIMITS
from common_apps.queries.language.options import read_object
from common_apps.queries.language.walk import Place, Walk, type_name

Json = Any
KEYS = ("query_type", "query_params", "metadata")


class Envelope(NamedTuple):
    """``query_params`` is as it was sent: nothing within it has been judged but its size."""

    query_type: str
    query_params: dict[str, Json]
    metadata: dict[str, Json]


def check_envelope(body: object) -> Envelope:
    """The body's parts, ``metadata`` being ``{}`` where none was given. Raises `InvalidQuery` with every fault."""
    envelope, errors = inspect_envelope(body)
    if errors:
        raise InvalidQuery(errors)
    return envelope


def inspect_envelope(body: object) -> tuple[Envelope, list[FieldError]]:
    """The same, for whoever wants to go on and tell what is wrong within: faults are answered, not raised.

    What can't be read is ``""`` or ``{}``, as is what is too large.
    """
    walk = Walk({})
    try:
        envelope = _read(Place(walk, Pointer()), body)
    except InvalidQuery:
        envelope = Envelope("", {}, {})
    return envelope, walk.faults.errors


def read_index(query_params: object) -> str:
    """The index as it is spelled, for the whitelist to judge before the rest is looked at. Raises `InvalidQuery`."""
    walk = Walk({})
    place = Place(walk, Pointer("/query_params"))
    index = read_index_at(place, query_params) if isinstance(query_params, dict) else None
    if index is None:
        if not isinstance(query_params, dict):
            place.fault("wrong_type", f"'query_params' is an object, not {type_name(query_params)}")
        raise InvalidQuery(walk.faults.errors)
    return index


def read_index_at(place: Place, query_params: dict[str, Json]) -> str | None:
    """The index's name, or None after a fault."""
    if "index" not in query_params:
        (place / "index").fault("required", "'query_params' needs 'index', the name of what is searched")
        return None
    index = query_params["index"]
    if not isinstance(index, str):
        (place / "index").fault("wrong_type", f"'index' is one name as a text, not {type_name(index)}")
        return None
    return index


def _read(place: Place, body: object) -> Envelope:
    found = body if isinstance(body, dict) else None
    if found is None:
        place.fault("wrong_type", f"the body is an object with query_type and query_params, not {type_name(body)}")
        return Envelope("", {}, {})
    for key in found:
        if key not in KEYS:
            read_object(place, {key: None}, KEYS, "the body")
    query_type = found.get("query_type")
    at = place / "query_type"
    if "query_type" not in found:
        at.fault("required", "the body needs 'query_type'")
    elif not isinstance(query_type, str):
        at.fault("wrong_type", f"'query_type' is a text, not {type_name(query_type)}")
    return Envelope(
        query_type if isinstance(query_type, str) else "",
        _read_part(place, found, "query_params", LIMITS.query_params_bytes, required=True),
        _read_part(place, found, "metadata", LIMITS.metadata_bytes, depth=LIMITS.metadata_depth),
    )


def _read_part(
    place: Place, body: dict[str, Json], key: str, most: int, *, depth: int | None = None, required: bool = False
) -> dict[str, Json]:
    at, value = place / key, body.get(key)
    if key not in body:
        if required:
            at.fault("required", f"the body needs {key!r}")
        return {}
    if not isinstance(value, dict):
        at.fault("wrong_type", f"{key!r} is an object, not {type_name(value)}")
        return {}
    if depth is not None and _is_deeper(value, depth):
        at.fault("too_deep", f"{key!r} nests objects and lists at most {depth} deep")
        return {}
    try:
        # An unpaired surrogate has no UTF-8: it counts, and is judged where it stands.
        size = len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass"))
    except RecursionError:
        at.fault("too_deep", f"{key!r} nests too deeply")
        return {}
    if size > most:
        at.fault("too_large", f"{key!r} is {size} bytes of JSON; {most} are allowed")
        return {}
    return value


def _is_deeper(value: Json, depth: int) -> bool:
    """Whether objects and lists lie more than ``depth`` within one another; level by level, not by recursion."""
    level = [value]
    for _ in range(depth):
        level = [
            item
            for holder in level
            for item in (holder.values() if isinstance(holder, dict) else holder)
            if isinstance(item, dict | list)
        ]
    return bool(level)
