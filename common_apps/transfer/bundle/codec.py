"""Between a record and its line: encoding, and decoding that believes nothing."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

import msgspec

from common_apps.core import strict_json, strict_json_scan
from common_apps.transfer.bundle import records
from common_apps.transfer.bundle.errors import BundleError, Code
from common_apps.transfer.bundle.forms import are_uuids, first_fault, form_checks, format_time
from common_apps.transfer.bundle.limits import DEFAULT_LIMITS, Limits
from common_apps.transfer.bundle.records import Record
from common_apps.transfer.bundle.streams import STREAMS

ENCODER = msgspec.json.Encoder()
_RAW_MEMBER_DECODER = msgspec.json.Decoder(dict[str, msgspec.Raw])
# The members that may hold any amount of JSON, kept raw.
_CARRIED = ("result", "value")
_forms = cache(form_checks)


def encode_record(record: Record) -> bytes:
    """The record's line without its LF; canonical JSON where the stream asks for it.

    Times must be aware and in UTC. Raises BundleError bad_record where raw JSON in it holds a line break.
    """
    line = strict_json.dumps_canonical(record) if record.canonical else ENCODER.encode(record)
    if b"\n" in line:
        raise BundleError(Code.BAD_RECORD, "raw JSON inside a record holds a line break")
    return line


def decode_record(stream: str, line: bytes, limits: Limits = DEFAULT_LIMITS, schema: int | None = None) -> Record:
    """Decode and check one line (without its LF) of `stream`, written in `schema` (None: the newest).

    The record has the newest shape, whichever the line has. Raises BundleError line_too_long or bad_record, and
    KeyError for a stream or a schema that doesn't exist.
    """
    spec = STREAMS[stream]
    decoder = spec.decoders[schema or spec.schema]
    if len(line) > limits.line:
        raise BundleError(Code.LINE_TOO_LONG, f"{len(line)} bytes, {limits.line} are allowed")
    try:
        if strict_json_scan.is_dense(line):
            record, plain = _decode_dense(decoder, line, limits)
        else:
            plain = strict_json.loads(line, max_depth=limits.json_depth)
            record = decoder.decode(line)
    except (strict_json.StrictJsonError, msgspec.DecodeError, RecursionError) as error:
        raise BundleError(Code.BAD_RECORD, str(error)) from None
    assert isinstance(plain, dict)  # noqa: S101 - the struct decoder takes nothing but objects
    fault = first_fault(_forms(type(record)), plain)
    if fault is None and record.canonical and encode_record(record) != line:
        fault = "not canonical JSON (keys sorted, no spaces, UTF-8 unescaped)"
    older = spec.older_schema(schema) if schema else None
    if fault is None and older is not None:
        record = older.upgrade(record)
    fault = fault or _fault_in(record, plain, limits)
    if fault is not None:
        raise BundleError(Code.BAD_RECORD, fault)
    return record


def lines_in_schema(stream: str, lines: Iterable[bytes], schema: int) -> Iterable[bytes]:
    """Lines of this site's own, written in the newest schema, as `schema` has them."""
    spec = STREAMS[stream]
    older = spec.older_schema(schema)
    if older is None:
        return lines
    decoder = spec.decoders[spec.schema]
    return (encode_record(older.downgrade(decoder.decode(line))) for line in lines)


def _decode_dense(decoder: msgspec.json.Decoder[Any], line: bytes, limits: Limits) -> tuple[Record, object]:
    """A line whose values must not all be in memory at once: its raw JSON is checked in passing, and left out of
    what is decoded.
    """
    strict_json_scan.scan(line, max_depth=limits.json_depth)
    shell = _RAW_MEMBER_DECODER.decode(line)
    for name in _CARRIED:
        payload = bytes(shell.get(name, b""))
        if len(payload) > limits.query_params:
            line_without = line.replace(payload, payload[:1] + payload[-1:])
            if not strict_json_scan.is_dense(line_without):
                return decoder.decode(line), strict_json.loads(line_without, max_depth=limits.json_depth)
    raise strict_json.StrictJsonError(
        f"more than {strict_json_scan.DENSE_VALUES} values outside of an answer or a setting"
    )


def usage_id(user_id: UUID, hour: datetime) -> str:
    """The id of a usage record: "user_id/hour", the hour as it stands in the record."""
    return f"{user_id}/{format_time(hour)}"


def snapshot_digest(lines: Iterable[bytes]) -> str:
    """SHA-256, in hex, of a snapshot's uncompressed payload; `lines` without their LF, in the order of the payload."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line)
        digest.update(b"\n")
    return digest.hexdigest()


def _fault_in(record: Record, plain: dict[str, Any], limits: Limits) -> str | None:
    """What the structs can't say."""
    match record:
        case records.Request():
            return _fault_in_request(record, plain, limits)
        case records.Result():
            if not isinstance(plain["result"], dict | None):
                return "result: neither an object nor null"
            if record.request is not None:
                return _fault_in_request(record.request, plain["request"], limits, "request.")
    return fault_in_values(record)


def fault_in_values(record: Record) -> str | None:
    """What is wrong with members that are sound each by itself, as a sentence, or None."""
    match record:
        case records.Usage():
            if record.hour != record.hour.astimezone(UTC).replace(minute=0, second=0, microsecond=0):
                return "hour: not a full hour"
            if record.id != usage_id(record.user_id, record.hour):
                return "id: not user_id/hour"
        case records.State():
            if (record.seq == 0) != (record.batch_id is None):
                return "seq: 0 stands for nothing applied, and then batch_id is null"
        case records.Applied():
            if not are_uuids(record.batch_ids):
                return "batch_ids: not UUIDs in lower case with dashes"
    return None


def _fault_in_request(record: records.Request, plain: dict[str, Any], limits: Limits, where: str = "") -> str | None:
    if not isinstance(plain["query_params"], dict):
        return f"{where}query_params: not an object"
    if len(bytes(record.query_params)) > limits.query_params:
        return f"{where}query_params: longer than {limits.query_params} bytes"
    return None
