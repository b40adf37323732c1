"""The registry of query kinds: what clients are told holds when it is tried."""

from __future__ import annotations

import jsonschema
import pytest

from common_apps.queries.kinds import Kind, all_kinds, get_kind
from common_apps.queries.language import QUERY_TYPES, InvalidQuery
from tests.plain.language.generator import generate_requests
from tests.plain.language.vocabulary import FIELDS

KINDS = pytest.mark.parametrize("kind", all_kinds(), ids=lambda kind: kind.name)


def test_registry_holds_the_query_types_and_nothing_else() -> None:
    assert [kind.name for kind in all_kinds()] == sorted(QUERY_TYPES)
    assert get_kind("prefix") is None
    match = get_kind("match")
    assert match in all_kinds()


@KINDS
def test_examples_compile_and_fit_the_schema(kind: Kind) -> None:
    jsonschema.Draft202012Validator.check_schema(kind.schema)
    validator = jsonschema.Draft202012Validator(kind.schema)
    assert len(kind.examples) >= 2
    for example in kind.examples:
        request = kind.compile(example["query_params"], FIELDS)
        validator.validate(example["query_params"])
        validator.validate(request.query_params())


def test_schema_takes_whatever_the_language_takes() -> None:
    validators = {kind.name: jsonschema.Draft202012Validator(kind.schema) for kind in all_kinds()}
    for query_type, params in generate_requests(3, 160):
        validators[query_type].validate(params)


@KINDS
def test_schema_refuses_what_a_document_shows_to_be_wrong(kind: Kind) -> None:
    validator = jsonschema.Draft202012Validator(kind.schema)
    sound = kind.examples[0]["query_params"]
    other = {"wildcard": {"area": "a*"}} if kind.name != "wildcard" else {"match": {"title": "a"}}
    for broken in ({"size": 1001}, {"size": "1"}, {"siez": 1}, {"index": 5}, {"sort": 5}, {"_source": 5}):
        assert not validator.is_valid(sound | broken)
    if kind.name != "aggregation":
        assert not validator.is_valid(sound | {"query": other})
        with pytest.raises(InvalidQuery):
            kind.compile(sound | {"query": other}, FIELDS)


@KINDS
def test_answer_is_elasticsearchs_own_when_it_is_shaped(kind: Kind) -> None:
    response = {"took": 1, "hits": {"hits": []}}
    assert kind.shape(response) == response
    assert kind.cache_class == ("aggregation" if kind.name == "aggregation" else "normal")
