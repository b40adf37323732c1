"""What holds of every request, sound or not."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common_apps.queries.kinds.body import compile_body
from common_apps.queries.language import LIMITS, QUERY_TYPES, InvalidQuery, compile_request
from common_apps.queries.language.aggregation_options import FIELD_AGGREGATIONS
from common_apps.queries.language.aggregations import AGGREGATIONS
from common_apps.queries.language.clause_options import CLAUSES, FIELD_CLAUSES, MULTI_MATCH
from common_apps.queries.language.compiler import TEMPLATE
from tests.plain.language.generator import generate_requests
from tests.plain.language.vocabulary import FIELDS

WORDS = sorted(
    {
        *TEMPLATE, *CLAUSES, *AGGREGATIONS, *MULTI_MATCH, *FIELDS, "field", "fields", "values", "must", "should",
        "filters", "minimum_should_match", "gte", "lt", "asc", "includes", "order", "min", "max", "from", "to", "key",
        *(name for clause in FIELD_CLAUSES.values() for name in clause.options),
        *(name for aggregation in FIELD_AGGREGATIONS.values() for name in aggregation.options),
    }
)  # fmt: skip
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=8)
    | st.sampled_from([*WORDS, "2024-05-31", "1e400", "title^2", "*", "75%", "AUTO", "\ud800", "\0", "x" * 600])
)
KEYS = st.sampled_from(WORDS) | st.text(st.characters(), max_size=5)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=20
)
PARAMS = st.fixed_dictionaries(
    {"index": st.just("contracts")},
    optional={
        "query": st.dictionaries(st.sampled_from(CLAUSES), JSON, max_size=2) | JSON,
        "aggs": st.dictionaries(st.just("a"), st.dictionaries(st.sampled_from(AGGREGATIONS), JSON, max_size=2)) | JSON,
        "size": SCALARS,
        "from": SCALARS,
        "sort": JSON,
        "_source": JSON,
    },
)


def compile_again(query_type: str, params: dict[str, Any]) -> None:
    """Compiles; what comes out has to compile to itself."""
    request = compile_request(query_type=query_type, query_params=params, fields=FIELDS)
    again = compile_request(query_type=query_type, query_params=request.query_params(), fields=FIELDS)
    assert again == request
    assert again.canonical() == request.canonical()


@given(st.sampled_from(QUERY_TYPES), PARAMS)
def test_any_query_params_are_compiled_or_refused_by_invalid_query_alone(
    query_type: str, params: dict[str, Any]
) -> None:
    try:
        compile_again(query_type, params)
    except InvalidQuery as refused:
        assert 1 <= len(refused.errors) <= LIMITS.errors
        for error in refused.errors:
            assert error.pointer.startswith("/query_params")
            assert 0 < len(error.detail) < 1000
            (error.pointer + error.detail + error.code).encode()


@given(JSON | st.fixed_dictionaries({"query_type": SCALARS, "query_params": JSON}, optional={"metadata": JSON}))
def test_any_body_is_compiled_or_refused_by_invalid_query_alone(body: Any) -> None:
    try:
        compile_body(body, fields_of=lambda index: FIELDS)
    except InvalidQuery as refused:
        assert 1 <= len(refused.errors) <= LIMITS.errors


@pytest.mark.parametrize("seed", range(4))
def test_generated_requests_compile_and_are_their_own_normal_form(seed: int) -> None:
    for query_type, params in generate_requests(seed, 200):
        compile_again(query_type, params)


def test_generated_requests_are_the_same_when_the_seed_is() -> None:
    assert generate_requests(5, 16) == generate_requests(5, 16) != generate_requests(6, 16)


def test_generated_requests_use_every_clause_and_aggregation() -> None:
    text = repr(generate_requests(1, 1500))
    options = {name for clause in FIELD_CLAUSES.values() for name in clause.options} | set(MULTI_MATCH)
    options |= {name for aggregation in FIELD_AGGREGATIONS.values() for name in aggregation.options}
    for word in {*CLAUSES, *AGGREGATIONS, *options}:
        assert f"'{word}'" in text, word


def deep(depth: int) -> Any:
    clause: Any = {"match_all": {}}
    for _ in range(depth):
        clause = {"bool": {"must": [clause]}}
    return clause


def deep_aggregation(depth: int) -> Any:
    aggs: Any = {}
    for _ in range(depth):
        aggs = {"a": {"terms": {"field": "area"}, "aggs": aggs}}
    return aggs


@pytest.mark.parametrize(
    "params",
    [
        {"query": deep(100_000)},
        {"query": {"bool": {"must": [{"bool": {"must": [{"match_all": {}}] * 300}}] * 300}}},
        {"query": {"terms": {"area": ["x" * 512] * 200_000}}},
        {"query": {"terms": {"amount": ["9" * 100_000] * 1000}}},
        {"query": {"match": {"x" * 1_000_000: "a"}}},
        {"query": {"match": {"title": {"x" * 60 + str(n): 1 for n in range(5000)}}}},
        {"query": {"match": {"title": {"query": "a", "minimum_should_match": "1<" * 30_000}}}},
        {"query": {"match": {"title": {"query": "a", "minimum_should_match": " " * 60_000 + "x"}}}},
        {"query": {"range": {"amount": {"gte": "1" * 60_000}}}},
        {"query": {"term": {"award_date": "2" * 60_000}}},
        {"aggs": deep_aggregation(50_000)},
        {"aggs": {f"a{n}": {"sum": {"field": "amount"}} for n in range(50_000)}},
        {"_source": ["title"] * 100_000},
        {"sort": ["amount"] * 100_000},
    ],
    ids=lambda params: "/".join(params),
)
def test_hostile_query_params_are_refused_quickly(params: dict[str, Any]) -> None:
    started = time.perf_counter()
    with pytest.raises(InvalidQuery):
        compile_request(query_type="aggregation", query_params={"index": "contracts", **params}, fields=FIELDS)
    assert time.perf_counter() - started < 1.0
