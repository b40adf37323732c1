"""Many lines decoded at once, where they are spelled as this release spells them itself.

A line that the encoder gives back byte for byte has each member once, every id in its one form, and no text that can't
be kept: times must still be in UTC, and the JSON that is carried raw is to be looked at, which of a block is one text.
What is spelled otherwise may be as sound, or not: `codec.decode_record` looks at each line of it and says what is
wrong.
"""

import typing
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache

import msgspec

from common_apps.core import strict_json, strict_json_scan
from common_apps.transfer.bundle import records
from common_apps.transfer.bundle.codec import ENCODER, fault_in_values
from common_apps.transfer.bundle.limits import Limits
from common_apps.transfer.bundle.records import Record
from common_apps.transfer.bundle.streams import STREAMS

_CANONICAL_ENCODER = msgspec.json.Encoder(order="sorted")
# Their members may nest: without raw JSON in them the depth of a line is not that of its struct.
_FREE = (records.User, records.Dataset)


def decode_block(stream: str, lines: Sequence[bytes], limits: Limits, schema: int) -> list[Record] | None:
    """The records of the lines (without their LF, none longer than allowed), every check of `decode_record` done; None
    where each must be looked at alone, as lines of an older schema are.
    """
    spec = STREAMS[stream]
    if schema != spec.schema:
        return None
    block = b"\n".join(lines)
    if strict_json_scan.is_dense(block) or b"\\u0000" in block:
        return None
    encoder = _CANONICAL_ENCODER if spec.canonical else ENCODER
    try:
        found: list[Record] = spec.decoders[schema].decode_lines(block)
        if encoder.encode_lines(found) != block + b"\n":
            return None
        sound = _are_in_utc(found) and _is_shallow(found, lines, limits) and _is_carried_soundly(found, limits)
    except (strict_json.StrictJsonError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if sound and not any(map(fault_in_values, found)) else None


def _are_in_utc(found: Sequence[Record]) -> bool:
    """A time with another offset, or none, is given back as it came, too."""
    for record in found:
        for name in _times(type(record)):
            moment = getattr(record, name)
            if moment is not None and moment.tzinfo is not UTC:
                return False
    asked = [record.request for record in found if isinstance(record, records.Result) and record.request is not None]
    return not asked or _are_in_utc(asked)


@cache
def _times(struct: type[Record]) -> tuple[str, ...]:
    hints = typing.get_type_hints(struct)
    return tuple(name for name in struct.__struct_fields__ if datetime in (hints[name], *typing.get_args(hints[name])))


def _is_shallow(found: Sequence[Record], lines: Sequence[bytes], limits: Limits) -> bool:
    return not any(
        isinstance(record, _FREE) and line.count(b"{") + line.count(b"[") > limits.json_depth
        for record, line in zip(found, lines, strict=True)
    )


def _is_carried_soundly(found: Sequence[Record], limits: Limits) -> bool:
    """Whether the raw JSON is as strict as all other: one text for each depth at which it stands. Raises as it."""
    questions, answers, inner, values = [], [], [], []
    for record in found:
        match record:
            case records.Request():
                questions.append(record.query_params)
            case records.Result():
                answers.append(record.result)
                if record.request is not None:
                    inner.append(record.request.query_params)
            case records.Setting():
                values.append(record.value)
    return (
        _are_sound(questions, (dict,), 1, limits, limits.query_params)
        and _are_sound(inner, (dict,), 2, limits, limits.query_params)
        and _are_sound(answers, (dict, type(None)), 1, limits)
        and _are_sound(values, (object,), 1, limits)
    )


def _are_sound(
    raws: Sequence[msgspec.Raw], types: tuple[type, ...], depth: int, limits: Limits, longest: int | None = None
) -> bool:
    """`depth`: how many containers they stand in. Raises StrictJsonError."""
    if not raws:
        return True
    texts = [bytes(raw) for raw in raws]
    if longest is not None and max(map(len, texts)) > longest:
        return False
    values = _decode_all(texts, limits.json_depth - depth)
    return len(values) == len(texts) and all(isinstance(value, types) for value in values)


def _decode_all(texts: Sequence[bytes], max_depth: int) -> list[object]:
    """The values of the texts, decoded as one array. Raises StrictJsonError, DecodeError."""
    together = b"[" + b",".join(texts) + b"]"
    if all(text.count(b"{") + text.count(b"[") <= max_depth for text in texts):
        values: list[object] = msgspec.json.decode(together)
        if msgspec.json.encode(values) == together:
            # Given back byte for byte: no name stood twice, and nothing is left to look for.
            return values
    # The array around them is one container more.
    decoded = strict_json.loads(together, max_depth=max_depth + 1)
    assert isinstance(decoded, list)  # noqa: S101 - it begins with a bracket
    return decoded
