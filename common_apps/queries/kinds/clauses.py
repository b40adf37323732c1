"""The eight kinds of the query language: each names the root clause of its query, or asks for aggregations."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from common_apps.queries.kinds.kind import CacheClass, Example, Kind
from common_apps.queries.kinds.schema import query_params_schema
from common_apps.queries.language import NormalizedRequest, compile_request

Json = Any

SAMPLE_INDEX = "contracts"


def _compile(query_type: str, query_params: object, fields: Mapping[str, str]) -> NormalizedRequest:
    return compile_request(query_type=query_type, query_params=query_params, fields=fields)


def _as_answered(response: dict[str, Json]) -> dict[str, Json]:
    return response


def _kind(
    name: str, title: str, description: str, examples: dict[str, dict[str, Json]], cache_class: CacheClass = "normal"
) -> Kind:
    return Kind(
        name=name,
        title=title,
        description=description,
        schema=query_params_schema(name),
        examples=[
            Example(title=heading, query_params={"index": SAMPLE_INDEX, **params})
            for heading, params in examples.items()
        ],
        cache_class=cache_class,
        compile=partial(_compile, name),
        shape=_as_answered,
    )


KINDS = [
    _kind(
        "match",
        "Words in a field",
        "Finds documents whose field holds the words, the best match first; can forgive typing errors.",
        {
            "Flood control on the Pampanga river": {
                "query": {"match": {"title": {"query": "flood control Pampanga river", "operator": "and"}}},
                "_source": ["title", "contractor", "amount"],
            },
            "Three of four words, spelling forgiven": {
                "query": {
                    "match": {
                        "title": {
                            "query": "rehabilitaton drainage strukture Bulacan",
                            "minimum_should_match": 3,
                            "fuzziness": "AUTO",
                        }
                    }
                },
                "size": 5,
            },
        },
    ),
    _kind(
        "term",
        "One exact value",
        "Finds documents whose field is exactly this value: case and spaces count on keyword fields.",
        {
            "All awards of one contractor, the largest first": {
                "query": {"term": {"contractor": "QM BUILDERS"}},
                "sort": [{"amount": "desc"}],
            },
            "Everything awarded on one day": {"query": {"term": {"award_date": {"value": "2023-12-15"}}}, "size": 20},
        },
    ),
    _kind(
        "range",
        "Between two values",
        "Finds documents whose number, date or keyword lies within bounds.",
        {
            "Contracts of 100 million and more": {
                "query": {"range": {"amount": {"gte": 100000000}}},
                "sort": [{"amount": "desc"}],
            },
            "The first quarter of 2024": {
                "query": {"range": {"award_date": {"gte": "2024-01-01", "lte": "2024-03-31"}}},
                "sort": ["award_date", "contract_number"],
                "size": 50,
            },
        },
    ),
    _kind(
        "bool",
        "Several conditions",
        "Combines clauses: all of must and filter, none of must_not, and of should as many as are asked for.",
        {
            "Dikes and revetments in Bulacan above 50 million": {
                "query": {
                    "bool": {
                        "should": [{"match": {"title": "dike"}}, {"match": {"title": "revetment"}}],
                        "minimum_should_match": 1,
                        "filter": [
                            {"prefix": {"organization": "Bulacan"}},
                            {"range": {"amount": {"gt": 50000000}}},
                        ],
                    }
                },
            },
            "Drainage, but by none of two contractors": {
                "query": {
                    "bool": {
                        "must": {"match_phrase": {"title": "drainage structure"}},
                        "must_not": {"terms": {"contractor": ["QM BUILDERS", "WAWAO BUILDERS"]}},
                    }
                },
                "sort": [{"award_date": "desc"}],
            },
        },
    ),
    _kind(
        "wildcard",
        "A pattern",
        "Finds values by a pattern: * stands for any characters, ? for one; the first character must be given.",
        {
            "Contractors whose name begins with QM": {"query": {"wildcard": {"contractor": "QM*"}}},
            "A district office, any number, any case": {
                "query": {"wildcard": {"organization": {"value": "bulacan ??? district*", "case_insensitive": True}}},
                "size": 3,
            },
        },
    ),
    _kind(
        "fuzzy",
        "A word, spelling forgiven",
        "Finds terms that differ from the value by one or two characters.",
        {
            "Revetment, typed in a hurry": {"query": {"fuzzy": {"title": "revetmant"}}},
            "One edit, the first three letters certain": {
                "query": {"fuzzy": {"title": {"value": "draenage", "fuzziness": 1, "prefix_length": 3}}},
                "size": 5,
            },
        },
    ),
    _kind(
        "aggregation",
        "Counts and sums",
        "Groups documents and computes over the groups; the query beside it is optional and narrows what is counted.",
        {
            "Number of awards, their sum, and how many contractors": {
                "size": 0,
                "aggs": {
                    "total": {"sum": {"field": "amount"}},
                    "contractors": {"cardinality": {"field": "contractor"}},
                },
            },
            "The five contractors with the largest sums": {
                "size": 0,
                "aggs": {
                    "by_contractor": {
                        "terms": {"field": "contractor", "size": 5, "order": {"total": "desc"}},
                        "aggs": {"total": {"sum": {"field": "amount"}}},
                    }
                },
            },
            "Amounts by month in 2024": {
                "query": {"range": {"award_date": {"gte": "2024-01-01", "lt": "2025-01-01"}}},
                "size": 0,
                "aggs": {
                    "by_month": {
                        "date_histogram": {"field": "award_date", "calendar_interval": "month", "format": "yyyy-MM"},
                        "aggs": {"amounts": {"stats": {"field": "amount"}}},
                    }
                },
            },
        },
        "aggregation",
    ),
    _kind(
        "multi_match",
        "Words in several fields",
        "As match, over several fields at once, each with a weight of its own.",
        {
            "The Marikina river in titles or areas, titles counting double": {
                "query": {"multi_match": {"query": "Marikina river", "fields": ["title^2", "area.text"]}},
            },
            "An exact phrase in either title": {
                "query": {
                    "multi_match": {
                        "query": "flood mitigation structure",
                        "fields": ["title", "notice_title"],
                        "type": "phrase",
                    }
                },
                "size": 5,
            },
        },
    ),
]
