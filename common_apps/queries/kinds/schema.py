"""JSON Schema (2020-12) of ``query_params``, made from the language's own tables.

It says what a document alone can show. Fields, their types, depths and counts over the whole request depend on the
index and are judged by ``compile``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common_apps.queries.language.aggregation_options import DIRECTION, FIELD_AGGREGATIONS
from common_apps.queries.language.aggregations import TOP_HITS_FROM, TOP_HITS_SIZE
from common_apps.queries.language.clause_options import (
    BOUNDS,
    FIELD_CLAUSES,
    MULTI_MATCH,
    OCCURRENCES,
    VALUE_SCHEMA,
)
from common_apps.queries.language.compiler import AGGREGATION, FROM, SIZE
from common_apps.queries.language.limits import LIMITS
from common_apps.queries.language.options import BOOST, Option, should_match

Json = Any
Schema = dict[str, Json]

_CLAUSE: Schema = {"$ref": "#/$defs/clause"}
_FIELD: Schema = {"type": "string", "minLength": 1}


def query_params_schema(query_type: str) -> Schema:
    """The schema for one query type: its root clause, or any clause and required ``aggs`` for ``aggregation``."""
    aggregation = query_type == AGGREGATION
    root = _CLAUSE if aggregation else _object({query_type: _clauses()[query_type]}, [query_type])
    aggs: Schema = {"$ref": "#/$defs/aggs"}
    schema = _object(
        {
            "index": {"type": "string", "description": "One index, by its exact name."},
            "query": root,
            "aggs": aggs,
            "aggregations": aggs,
            "size": {**SIZE.schema, "default": SIZE.default},
            "from": {**FROM.schema, "default": FROM.default},
            "sort": {"$ref": "#/$defs/sort"},
            "_source": {"$ref": "#/$defs/source"},
        },
        ["index"] if aggregation else ["index", "query"],
    )
    if aggregation:
        some = {"minProperties": 1}
        schema["oneOf"] = [
            {"required": [spelling], "properties": {spelling: some}} for spelling in ("aggs", "aggregations")
        ]
    else:
        schema["not"] = {"required": ["aggs", "aggregations"]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "$defs": _definitions()}


def _definitions() -> Schema:
    order: Schema = DIRECTION.schema
    options = _object({"order": order, "missing": {"enum": ["_first", "_last"]}})
    one_sort: Schema = {"anyOf": [_FIELD, _one_key({"anyOf": [order, options]})]}
    names: Schema = {"anyOf": [_FIELD, {"type": "array", "items": _FIELD, "maxItems": LIMITS.source_fields}]}
    return {
        "clause": {"type": "object", "minProperties": 1, "maxProperties": 1, **_closed(_clauses())},
        "sort": {"anyOf": [one_sort, {"type": "array", "items": one_sort, "maxItems": LIMITS.sorts}]},
        "source": {"anyOf": [{"type": "boolean"}, names, _object({"includes": names, "excludes": names})]},
        "aggs": {
            "type": "object",
            "maxProperties": LIMITS.aggregations,
            "propertyNames": {"pattern": "^[A-Za-z0-9_-]{1,64}$"},
            "additionalProperties": _aggregation(),
        },
    }


def _clauses() -> Schema:
    field_clauses = {
        name: _one_key(
            {"anyOf": [VALUE_SCHEMA, _object({clause.main: VALUE_SCHEMA, **_of(clause.options)}, [clause.main])]}
        )
        for name, clause in FIELD_CLAUSES.items()
    }
    clauses: Schema = {"anyOf": [_CLAUSE, {"type": "array", "items": _CLAUSE}]}
    fields: Schema = {
        "anyOf": [_FIELD, {"type": "array", "items": _FIELD, "minItems": 1, "maxItems": LIMITS.multi_match_fields}]
    }
    bounds = _object({**dict.fromkeys(BOUNDS, VALUE_SCHEMA), **_of({"boost": BOOST})})
    return {
        **field_clauses,
        "multi_match": _object({**_of(MULTI_MATCH), "fields": fields}, ["query", "fields"]),
        "terms": _one_key({"type": "array", "items": VALUE_SCHEMA, "maxItems": LIMITS.terms}),
        "range": _one_key({**bounds, "anyOf": [{"required": [bound]} for bound in BOUNDS]}),
        "bool": {
            **_object(
                {
                    **dict.fromkeys(OCCURRENCES, clauses),
                    **_of({"minimum_should_match": should_match(), "boost": BOOST}),
                }
            ),
            "anyOf": [{"required": [occurrence]} for occurrence in OCCURRENCES],
        },
        "exists": _object({"field": _FIELD}, ["field"]),
        "ids": _object({"values": {"type": "array", "items": {"type": "string"}, "maxItems": LIMITS.ids}}, ["values"]),
        "match_all": _object(_of({"boost": BOOST})),
    }


def _aggregation() -> Schema:
    kinds = {
        kind: _object({"field": _FIELD, **_of(aggregation.options)}, ["field", *aggregation.required])
        for kind, aggregation in FIELD_AGGREGATIONS.items()
    }
    filters: Schema = {
        "anyOf": [
            {"type": "object", "minProperties": 1, "maxProperties": LIMITS.filters, "additionalProperties": _CLAUSE},
            {"type": "array", "minItems": 1, "maxItems": LIMITS.filters, "items": _CLAUSE},
        ]
    }
    kinds |= {
        "filter": _CLAUSE,
        "filters": _object({"filters": filters, "other_bucket_key": _FIELD}, ["filters"]),
        "top_hits": _object(
            {
                **_of({"size": TOP_HITS_SIZE, "from": TOP_HITS_FROM}),
                "sort": {"$ref": "#/$defs/sort"},
                "_source": {"$ref": "#/$defs/source"},
            }
        ),
    }
    beneath: Schema = {"$ref": "#/$defs/aggs"}
    return {
        **_object({**kinds, "aggs": beneath, "aggregations": beneath}),
        "oneOf": [{"required": [kind]} for kind in kinds],
        "not": {"required": ["aggs", "aggregations"]},
    }


def _of(options: Mapping[str, Option]) -> Schema:
    return {name: option.schema for name, option in options.items()}


def _closed(properties: Schema) -> Schema:
    return {"properties": properties, "additionalProperties": False}


def _object(properties: Schema, required: list[str] | None = None) -> Schema:
    schema: Schema = {"type": "object", **_closed(properties)}
    return {**schema, "required": required} if required else schema


def _one_key(value: Schema) -> Schema:
    return {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": value}
