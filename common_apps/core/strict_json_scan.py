"""The same strictness as `strict_json.loads`, without keeping anything: for texts of so many values that their
objects would fill the memory.

Slower by far (a Python step a token), so it is asked for only where `is_dense` says so.
"""

import codecs
import re
from itertools import pairwise

import msgspec

from common_apps.core.strict_json import DEFAULT_MAX_DEPTH, StrictJsonError, loads

# With fewer values than this the objects of a decoded text stay below some 60 MB, however they are built.
DENSE_VALUES = 250_000

_UTF8_STEP = 1024 * 1024
_LONGEST_SAFE_NUMBER = 300
_TOKEN = re.compile(
    rb"[ \t\n\r]*+(?:"
    rb'(?P<string>"(?:[^"\\\x00-\x1f]++|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*+")'
    rb"|(?P<mark>[\[\]{},:])"
    rb"|(?P<number>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+)"
    rb"|(?P<word>true|false|null)"
    rb")"
)
_BLANK = re.compile(rb"[ \t\n\r]*+\Z")

# What may come next.
_VALUE, _VALUE_OR_END, _KEY, _KEY_OR_END, _COLON, _COMMA_OR_END, _NOTHING = range(7)


def is_dense(raw: bytes) -> bool:
    """Whether there may be more values than are worth decoding at once; cheap, and never wrong when it says no."""
    return len(raw) > 2 * DENSE_VALUES and raw.count(b",") + raw.count(b"[") + raw.count(b"{") > DENSE_VALUES


def scan(raw: bytes, *, max_depth: int = DEFAULT_MAX_DEPTH) -> int:
    """Check one JSON text from end to end; the number of its values, containers included. Raises StrictJsonError."""
    _check_utf8(raw)
    values = 0
    expected = _VALUE
    # For each open container: the hashes of its names, or None for an array.
    stack: list[list[int] | None] = []
    place = 0
    while token := _TOKEN.match(raw, place):
        kind = token.lastgroup or ""
        text = token[kind]
        if kind == "string" and expected in (_KEY, _KEY_OR_END):
            names = stack[-1]
            if names is not None:
                names.append(_hash_of(text))
            expected = _COLON
        elif kind != "mark" and expected in (_VALUE, _VALUE_OR_END):
            _check_scalar(kind, text)
            values += 1
            expected = _after(stack)
        elif text in (b"[", b"{") and expected in (_VALUE, _VALUE_OR_END):
            values += 1
            stack.append([] if text == b"{" else None)
            if len(stack) > max_depth:
                raise StrictJsonError(f"nested deeper than {max_depth} levels")
            expected = _KEY_OR_END if text == b"{" else _VALUE_OR_END
        elif (text == b"]" and stack and stack[-1] is None and expected in (_COMMA_OR_END, _VALUE_OR_END)) or (
            text == b"}" and stack and stack[-1] is not None and expected in (_COMMA_OR_END, _KEY_OR_END)
        ):
            _check_names(stack.pop())
            expected = _after(stack)
        elif text == b":" and expected == _COLON:
            expected = _VALUE
        elif text == b"," and expected == _COMMA_OR_END:
            expected = _VALUE if stack[-1] is None else _KEY
        else:
            break
        place = token.end()
    if expected != _NOTHING or not _BLANK.match(raw, place):
        raise StrictJsonError(f"not JSON: near byte {place}")
    return values


def _hash_of(name: bytes) -> int:
    """Of the name as it is meant, so that an escape hides nothing; quotes stay on, and no name holds a bare one."""
    if b"\\" not in name:
        return hash(name)
    return hash(b'"' + str(loads(name)).encode() + b'"')


def _after(stack: list[list[int] | None]) -> int:
    return _COMMA_OR_END if stack else _NOTHING


def _check_utf8(raw: bytes) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for place in range(0, len(raw), _UTF8_STEP):
            decoder.decode(raw[place : place + _UTF8_STEP])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise StrictJsonError("not UTF-8") from None


def _check_scalar(kind: str | None, text: bytes) -> None:
    """Only these can still be wrong: escapes that make no character, and numbers out of range."""
    if kind == "string":
        if b"\\u" in text:
            loads(text)
    elif kind == "number" and (b"e" in text or b"E" in text or len(text) > _LONGEST_SAFE_NUMBER):
        try:
            msgspec.json.decode(text)
        except msgspec.DecodeError:
            raise StrictJsonError("a number is too large to be kept exactly or as a double") from None


def _check_names(names: list[int] | None) -> None:
    """Hashes are 64 bits under a key that nobody knows: two names that differ have the same one never, for all that
    matters.
    """
    if names:
        names.sort()
        if any(one == other for one, other in pairwise(names)):
            raise StrictJsonError("a name stands twice in one object")
