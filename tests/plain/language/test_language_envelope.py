"""The body around a query, and the order in which its parts are judged."""

from __future__ import annotations

from typing import Any

import pytest

from common_apps.queries.kinds.body import compile_body
from common_apps.queries.language import InvalidQuery, check_envelope, inspect_envelope, read_index
from tests.plain.language.vocabulary import FIELDS

QUERY = {"index": "contracts", "query": {"match": {"title": "a"}}}
BODY = {"query_type": "match", "query_params": QUERY}


def nested_lists(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_envelope_is_taken_apart_when_it_is_sound() -> None:
    assert check_envelope(BODY) == ("match", QUERY, {})
    assert check_envelope(BODY | {"metadata": {"a": [[[[]]]]}}).metadata == {"a": [[[[]]]]}


FAULTS: list[tuple[Any, list[tuple[str, str]]]] = [
    (None, [("", "wrong_type")]),
    ([BODY], [("", "wrong_type")]),
    ("x", [("", "wrong_type")]),
    ({}, [("/query_type", "required"), ("/query_params", "required")]),
    (BODY | {"query_typ": 1, "a/b": 2}, [("/query_typ", "unknown_key"), ("/a~1b", "unknown_key")]),
    (BODY | {"query_type": None}, [("/query_type", "wrong_type")]),
    (BODY | {"query_type": 5, "query_params": []}, [("/query_type", "wrong_type"), ("/query_params", "wrong_type")]),
    (BODY | {"metadata": None}, [("/metadata", "wrong_type")]),
    (BODY | {"metadata": []}, [("/metadata", "wrong_type")]),
    (BODY | {"metadata": {"a": nested_lists(5)}}, [("/metadata", "too_deep")]),
    (BODY | {"metadata": {"a": nested_lists(100_000)}}, [("/metadata", "too_deep")]),
    (BODY | {"metadata": {"a": "x" * 4096}}, [("/metadata", "too_large")]),
    (BODY | {"metadata": {"a": "é" * 2048}}, [("/metadata", "too_large")]),
    (BODY | {"query_params": {"index": "x" * 65_536}}, [("/query_params", "too_large")]),
    (BODY | {"query_params": {"index": nested_lists(100_000)}}, [("/query_params", "too_deep")]),
    (dict.fromkeys((f"k{n}" for n in range(30)), 1), [(f"/k{n}", "unknown_key") for n in range(20)]),
]


@pytest.mark.parametrize(("body", "faults"), FAULTS)
def test_envelope_is_refused_with_every_fault_when_it_is_not_sound(body: Any, faults: list[tuple[str, str]]) -> None:
    with pytest.raises(InvalidQuery) as caught:
        check_envelope(body)
    assert [(error.pointer, error.code) for error in caught.value.errors] == faults
    assert inspect_envelope(body)[1] == caught.value.errors


def test_metadata_and_query_params_are_taken_when_they_reach_their_limits() -> None:
    check_envelope(BODY | {"metadata": {"a": "x" * (4096 - len('{"a":""}'))}})
    check_envelope(BODY | {"query_params": {"index": "x" * (65_536 - len('{"index":""}'))}})


def test_unknown_key_names_the_nearest_one() -> None:
    with pytest.raises(InvalidQuery, match="did you mean 'query_type'"):
        check_envelope({"querytype": "match", "query_params": QUERY})


@pytest.mark.parametrize("index", ["contracts", "", "*", "a,b", "<x-{now/d}>", "other:contracts", "CONTRACTS"])
def test_index_is_read_as_it_is_spelled_for_the_whitelist_to_judge(index: str) -> None:
    assert read_index({"index": index, "query": 5}) == index


@pytest.mark.parametrize(
    ("params", "pointer", "code"),
    [
        ({}, "/query_params/index", "required"),
        ({"index": 5}, "/query_params/index", "wrong_type"),
        ({"index": ["contracts"]}, "/query_params/index", "wrong_type"),
        (None, "/query_params", "wrong_type"),
        ([], "/query_params", "wrong_type"),
    ],
)
def test_index_is_refused_when_it_is_no_text(params: Any, pointer: str, code: str) -> None:
    with pytest.raises(InvalidQuery) as caught:
        read_index(params)
    assert [(error.pointer, error.code) for error in caught.value.errors] == [(pointer, code)]


class NotAllowedError(Exception):
    """Stands for the caller's own refusal of an index."""


def fields_of(index: str) -> dict[str, str]:
    if index != "contracts":
        raise NotAllowedError(index)
    return FIELDS


def test_body_is_compiled_when_it_is_sound() -> None:
    envelope, request = compile_body(BODY | {"metadata": {"a": 1}}, fields_of=fields_of)
    assert envelope.metadata == {"a": 1}
    assert request.query == {"match": {"title": {"query": "a"}}}


def test_body_tells_the_faults_of_every_layer_at_once() -> None:
    body = {"query_type": "mach", "query_params": QUERY | {"size": "x"}, "metadata": 1, "extra": 1}
    with pytest.raises(InvalidQuery) as caught:
        compile_body(body, fields_of=fields_of)
    assert {error.pointer for error in caught.value.errors} == {
        "/extra",
        "/metadata",
        "/query_type",
        "/query_params/size",
    }


def test_index_is_judged_before_the_rest_of_query_params() -> None:
    with pytest.raises(NotAllowedError):
        compile_body({"query_type": "nope", "query_params": {"index": "secret", "size": "x"}}, fields_of=fields_of)


def test_body_is_refused_when_query_params_can_not_be_read() -> None:
    for body in (None, {}, {"query_type": "match", "query_params": 5}, {"query_type": "match", "query_params": {}}):
        with pytest.raises(InvalidQuery):
            compile_body(body, fields_of=fields_of)
