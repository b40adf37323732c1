"""JSON as strict as RFC 8259 section 4 and I-JSON (RFC 7493) would like it, for the API and for bundles alike.

Refused: bytes that are no UTF-8, a byte order mark, a name twice in one object, NaN and Infinity, lone surrogates,
U+0000 (PostgreSQL's jsonb takes neither of these two), numbers that no double or integer holds, and nesting deeper
than the caller allows.

msgspec decodes at C speed but keeps the last of two equal names in silence. So the members that were written are
counted (colons outside of strings) and compared with the members that came out: unlike means a name stood twice.
Counting costs no Python loop.
"""

import json

import msgspec

DEFAULT_MAX_DEPTH = 32

_BOM = b"\xef\xbb\xbf"
_ALL_BYTES = bytes(range(256))
_NOT_BRACKETS = bytes(byte for byte in _ALL_BYTES if byte not in b"[]{}")
_AS_SQUARE = bytes.maketrans(b"{}", b"[]")


class StrictJsonError(ValueError):
    """The bytes are not the JSON that is accepted here; `detail` is one sentence for a person."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


def loads(raw: bytes, *, max_depth: int = DEFAULT_MAX_DEPTH) -> object:
    """Decode one JSON text (dict, list, str, int, float, bool or None).

    `max_depth` counts nested arrays and objects: `[]` is 1. Raises StrictJsonError, and never RecursionError,
    however deep the text.
    """
    without_escapes = _drop_escapes(raw)
    outside = _outside_of_strings(without_escapes)
    _check_depth(outside, max_depth)
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StrictJsonError(_reason(raw, error)) from None
    if b"\\u0000" in without_escapes:
        raise StrictJsonError("a string holds U+0000, which no database column can keep")
    members = outside.count(b":")
    if members and members != _count_members(value, raw, members):
        raise StrictJsonError(_name_that_stands_twice(raw))
    return value


def dumps_canonical(value: object) -> bytes:
    """Encode with sorted keys (by code point), no spaces, UTF-8 unescaped: equal values give equal bytes."""
    return msgspec.json.encode(value, order="sorted")


def _drop_escapes(raw: bytes) -> bytes:
    """Remove `\\\\` and `\\"`, so that each quote left delimits a string, each backslash left begins another escape.

    Pairs are removed from the left, as a parser reads them. A backslash outside of a string is an error which the
    decoder finds at that very place, so what is thought of the rest doesn't matter.
    """
    if b"\\" not in raw:
        return raw
    return raw.replace(b"\\\\", b"").replace(b'\\"', b"")


def _outside_of_strings(without_escapes: bytes) -> bytes:
    return b"".join(without_escapes.split(b'"')[::2])


def _check_depth(outside: bytes, max_depth: int) -> None:
    brackets = outside.translate(_AS_SQUARE, _NOT_BRACKETS)
    if brackets.count(b"[") <= max_depth:
        return
    # Each pass removes the innermost brackets, so the number of passes is the depth.
    left = brackets
    for _ in range(max_depth):
        left = left.replace(b"[]", b"")
        if not left:
            return
    # Too deep, or not balanced; the decoder says what is wrong with the latter.
    depth = 0
    for bracket in brackets:
        depth += 1 if bracket == 0x5B else -1
        if depth > max_depth:
            raise StrictJsonError(f"nested deeper than {max_depth} levels")


def _count_members(value: object, raw: bytes, members: int) -> int:
    again = msgspec.json.encode(value)
    if again == raw:
        return members
    return _outside_of_strings(_drop_escapes(again)).count(b":")


def _reason(raw: bytes, error: Exception) -> str:
    if not raw.strip():
        return "empty: a JSON text was expected"
    if raw.startswith(_BOM):
        return "begins with a byte order mark; write plain UTF-8"
    if isinstance(error, RecursionError):
        return "nested too deep"
    try:
        text = raw.decode()
    except UnicodeDecodeError as fault:
        return f"not UTF-8: byte {fault.start} is 0x{raw[fault.start]:02x}"
    try:
        json.loads(text, parse_constant=_refuse_constant, parse_int=len)
    except json.JSONDecodeError as fault:
        return f"not JSON: {fault.msg} at line {fault.lineno} column {fault.colno}"
    except StrictJsonError as fault:
        return fault.detail
    except RecursionError:
        return "nested too deep"
    # What Python's lenient reader takes and msgspec doesn't: lone surrogates, and numbers out of range.
    if "range" in str(error):
        return "a number is too large to be kept exactly or as a double"
    return "a string holds half of a surrogate pair, which is no character"


def _refuse_constant(name: str) -> object:
    raise StrictJsonError(f"{name} is not a JSON number")


def _name_that_stands_twice(raw: bytes) -> str:
    twice: list[str] = []

    def look(pairs: list[tuple[str, object]]) -> None:
        names = set()
        for name, _ in pairs:
            if name in names:
                twice.append(name)
            names.add(name)

    json.loads(raw, object_pairs_hook=look)
    return f"the name {json.dumps(twice[0][:80])} stands twice in one object"
