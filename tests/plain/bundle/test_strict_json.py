"""Strict JSON: what is refused, and that nothing else is."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common_apps.core.strict_json import StrictJsonError, dumps_canonical, loads
from common_apps.core.strict_json_scan import DENSE_VALUES, is_dense, scan


class _Pairs(list):
    """An object as its pairs, so that a name may stand twice."""


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
scalars = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | text
)
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(text, inner), max_leaves=25)
pairs = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(st.tuples(st.sampled_from(["a", "b", "\\", '"', ":", "é"]), inner), max_size=4).map(_Pairs)
    ),
    max_leaves=15,
)


FRAGMENTS = [
    *(bytes([mark]) for mark in b'{}[],: "\\\x00\xff\t\n'),
    *(b"1", b"-", b"0", b".5", b"e3", b"1e999", b"true", b"null", b"NaN", b'"a"', b'"b"', b'"\\u0061"', b'"\\u0000"'),
    *(b'"\\ud800"', b'"\\ud83d\\ude00"', b'"\\x"', b'{"a":', b'{"a":1}', b'"\xc3\xa9"', b'"\xed\xa0\x80"', b"9" * 400),
]


def _write(value: Any, ascii_only: bool) -> str:
    if isinstance(value, _Pairs):
        members = ", ".join(f"{json.dumps(k, ensure_ascii=ascii_only)} : {_write(v, ascii_only)}" for k, v in value)
        return "{" + members + "}"
    if isinstance(value, list):
        return "[" + ",".join(_write(v, ascii_only) for v in value) + "]"
    return json.dumps(value, ensure_ascii=ascii_only)


def _has_a_name_twice(value: Any) -> bool:
    if isinstance(value, _Pairs):
        names = [name for name, _ in value]
        return len(names) != len(set(names)) or any(_has_a_name_twice(inner) for _, inner in value)
    return isinstance(value, list) and any(_has_a_name_twice(inner) for inner in value)


@given(values, st.booleans())
def test_loads_gives_what_was_written(value: Any, ascii_only: bool) -> None:
    assert loads(json.dumps(value, ensure_ascii=ascii_only).encode()) == value
    assert loads(msgspec.json.encode(value)) == value


@given(pairs, st.booleans())
def test_loads_refuses_exactly_those_with_a_name_twice(value: Any, ascii_only: bool) -> None:
    raw = _write(value, ascii_only).encode()
    if _has_a_name_twice(value):
        with pytest.raises(StrictJsonError, match="twice"):
            loads(raw)
    else:
        assert loads(raw) == json.loads(raw)


@given(st.text('{}[]":,\\u0 01ae"', max_size=40).map(str.encode) | st.binary(max_size=40))
def test_loads_never_takes_what_the_standard_library_refuses(raw: bytes) -> None:
    try:
        value = loads(raw)
    except StrictJsonError as error:
        assert error.detail
    else:
        assert json.loads(raw.decode()) == value


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
def test_depth_is_counted_exactly(opening: str) -> None:
    closing = opening.translate(str.maketrans("[{", "]}", '"a:'))[::-1]
    levels = len(closing)
    for depth in (8, 32, 33, 64):
        raw = (opening * (depth // levels) + ("1" if depth // levels else "") + closing * (depth // levels)).encode()
        loads(raw, max_depth=depth)
        with pytest.raises(StrictJsonError, match="deeper"):
            loads(raw, max_depth=depth // levels * levels - 1)


@pytest.mark.parametrize("raw", [b"[" * 10**6, b'{"a":' * 10**6, b"[" * 10**6 + b"]" * 10**6, b"]" * 100 + b"[" * 100])
def test_no_depth_raises_a_recursion_error(raw: bytes) -> None:
    with pytest.raises(StrictJsonError):
        loads(raw)


def test_brackets_in_strings_are_no_depth() -> None:
    assert loads(b'["' + b"[" * 1000 + b'\\"' + b"{" * 1000 + b'"]') == ["[" * 1000 + '"' + "{" * 1000]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty"),
        (b"  ", "empty"),
        (b"\xef\xbb\xbf1", "byte order mark"),
        (b'"\xff"', "not UTF-8: byte 1"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b'"\xc0\x80"', "not UTF-8"),
        (b"NaN", "NaN"),
        (b"[Infinity]", "Infinity"),
        (b"[-Infinity]", "-Infinity"),
        (b'"\\ud800"', "surrogate"),
        (b'"\\udc00"', "surrogate"),
        (b'"\\ud800\\ud800"', "surrogate"),
        (b'"\\u0000"', "U\\+0000"),
        (b'{"\\u0000": 1}', "U\\+0000"),
        (b"1e999", "too large"),
        (b"9" * 5000, "too large"),
        (b'{"a": 1, "a": 1}', '"a" stands twice'),
        (b'{"a": 1, "\\u0061": 1}', '"a" stands twice'),
        (b'{"x": {"a": 1, "b": 2, "a": {}}}', '"a" stands twice'),
        (b"{'a': 1}", "line 1 column 2"),
        (b'{"a": 1,}', "not JSON"),
        (b"[1,]", "not JSON"),
        (b"01", "not JSON"),
        (b"1 2", "not JSON"),
        (b'"\t"', "not JSON"),
        (b"{", "not JSON"),
        (b"[\xc2\xa01]", "not JSON"),
    ],
)
def test_loads_says_why_it_refuses(raw: bytes, reason: str) -> None:
    with pytest.raises(StrictJsonError, match=reason):
        loads(raw)


def test_an_escaped_backslash_before_u0000_is_text() -> None:
    assert loads(b'"\\\\u0000"') == "\\u0000"


@given(values)
def test_canonical_bytes_do_not_depend_on_the_order_of_keys(value: Any) -> None:
    def turned(inner: Any) -> Any:
        if isinstance(inner, dict):
            return {key: turned(inner[key]) for key in reversed(inner)}
        return [turned(item) for item in inner] if isinstance(inner, list) else inner

    assert dumps_canonical(turned(value)) == dumps_canonical(value)
    assert loads(dumps_canonical(value)) == value


def test_canonical_sorts_by_code_point_and_escapes_nothing_it_need_not() -> None:
    value = {"\U0001f600": 1, "\uffff": 2, "b": {"d": "é/\u2028", "c": [1, 2.5]}, "a": None}
    expected = '{"a":null,"b":{"c":[1,2.5],"d":"é/\u2028"},"\uffff":2,"\U0001f600":1}'
    assert dumps_canonical(value) == expected.encode()


def _refused(check: Callable[[bytes], object], raw: bytes) -> bool:
    try:
        check(raw)
    except StrictJsonError:
        return True
    return False


@given(pairs, st.booleans())
def test_scan_agrees_with_loads_on_what_is_json(value: Any, ascii_only: bool) -> None:
    raw = _write(value, ascii_only).encode()
    assert _refused(scan, raw) == _refused(loads, raw)


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=12).map(b"".join))
@settings(max_examples=500)
def test_scan_agrees_with_loads_on_what_may_be_none(raw: bytes) -> None:
    assert _refused(scan, raw) == _refused(loads, raw)


@given(values)
def test_scan_counts_every_value(value: Any) -> None:
    def count(inner: Any) -> int:
        if isinstance(inner, dict):
            return 1 + sum(map(count, inner.values()))
        return 1 + (sum(map(count, inner)) if isinstance(inner, list) else 0)

    assert scan(msgspec.json.encode(value)) == count(value)


def test_only_texts_of_very_many_values_are_dense() -> None:
    assert is_dense(b"[" + b"0," * DENSE_VALUES + b"0]")
    assert not is_dense(b"[" + b"0," * (DENSE_VALUES - 1) + b"0]")
    assert not is_dense(b'["' + b"x" * 10**7 + b'"]')
