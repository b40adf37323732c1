"""``minimum_should_match`` as Elasticsearch reads it (its ``Queries.calculateMinShouldMatch``)."""

from __future__ import annotations

import re
import struct

SHAPES = "an integer (2, -1), a percentage ('75%', '-25%') or conditions ('3<90%', '2<-25% 9<-3')"

_NUMBER = r"[+-]?[0-9]{1,6}"
_SIMPLE = re.compile(rf"{_NUMBER}%?")
_CONDITION = re.compile(rf"({_NUMBER})<({_NUMBER}%?)")
_LARGEST = 999_999


def normalize(spec: object) -> int | str:
    """One spelling for what means the same: ``" 2 "`` is 2, ``"+3 < 90%"`` is ``"3<90%"``.

    Raises `ValueError`, its text saying which shapes there are.
    """
    if isinstance(spec, int) and not isinstance(spec, bool):
        if abs(spec) <= _LARGEST:
            return spec
    elif isinstance(spec, str):
        text = spec.strip()
        if _SIMPLE.fullmatch(text):
            return f"{int(text[:-1])}%" if text.endswith("%") else int(text)
        conditions = [_CONDITION.fullmatch(part) for part in re.sub(r"\s*<\s*", "<", text).split()]
        if conditions and all(conditions):
            found = [condition.groups() for condition in conditions if condition]
            return " ".join(f"{int(above)}<{normalize(then)}" for above, then in found)
    raise ValueError(f"minimum_should_match is {SHAPES}")


def resolve(spec: int | str, optional_clauses: int) -> int:
    """How many of ``optional_clauses`` must match; never negative, but more than there are where the spec says so.

    A positive number above ``optional_clauses`` matches nothing; 0 sets no minimum, so that Elasticsearch's own
    default holds (one, where there is neither ``must`` nor ``filter``). Raises `ValueError` for an unreadable spec.
    """
    wanted = normalize(spec)
    if isinstance(wanted, int):
        return max(0, optional_clauses + wanted if wanted < 0 else wanted)
    if "<" not in wanted:
        return _share(int(wanted[:-1]), optional_clauses)
    result = optional_clauses
    for condition in wanted.split():
        above, then = condition.split("<")
        if optional_clauses <= int(above):
            return result
        result = resolve(then, optional_clauses)
    return result


def _share(percent: int, optional_clauses: int) -> int:
    # Java's (count * percent) * (1 / 100f), cut towards zero: 32-bit floats, or some counts come out one lower.
    share = _float32(_float32(optional_clauses * percent) * _float32(0.01))
    return max(0, optional_clauses + int(share) if share < 0 else int(share))


def _float32(value: float) -> float:
    narrowed: float = struct.unpack("<f", struct.pack("<f", value))[0]
    return narrowed
