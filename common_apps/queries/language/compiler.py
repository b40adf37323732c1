"""From query_params as a user writes them to a `NormalizedRequest`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common_apps.queries.language.aggregations import read_aggregations
from common_apps.queries.language.clauses import Clause, read_clause
from common_apps.queries.language.envelope import read_index_at
from common_apps.queries.language.errors import Pointer, quoted, suggestion
from common_apps.queries.language.fields import read_fields
from common_apps.queries.language.limits import LIMITS
from common_apps.queries.language.normalized import NormalizedRequest
from common_apps.queries.language.options import Option, integer, read_object
from common_apps.queries.language.presentation import check_window, read_sort, read_source
from common_apps.queries.language.walk import Place, Walk

Json = Any

AGGREGATION = "aggregation"
QUERY_TYPES = ("match", "term", "range", "bool", "wildcard", "fuzzy", AGGREGATION, "multi_match")
TEMPLATE = ("index", "query", "aggs", "aggregations", "size", "from", "sort", "_source")
SIZE = integer(0, LIMITS.size, LIMITS.default_size)
FROM = integer(0, LIMITS.window, 0)


def compile_request(*, query_type: str, query_params: object, fields: Mapping[str, str]) -> NormalizedRequest:
    """Validates and normalizes one request.

    ``fields``: full name of each field of the index -> its Elasticsearch type. Whether the index may be asked is not
    judged here. Raises `InvalidQuery` with all faults, at most 20, in the order they were met.
    """
    walk = Walk(read_fields(fields))
    root = Place(walk, Pointer())
    if query_type not in QUERY_TYPES:
        (root / "query_type").fault(
            "unknown_query_type", f"no query type {quoted(query_type)}{suggestion(str(query_type), QUERY_TYPES)}"
        )
    place = root / "query_params"
    params = read_object(place, query_params, TEMPLATE, "'query_params'")
    if params is None:
        walk.faults.raise_if_any()
        params = {}
    index = read_index_at(place, params)
    query = _read_query(place, query_type, params)
    aggs = read_aggregations(place, params)
    if query_type == AGGREGATION and not (params.get("aggs") or params.get("aggregations")):
        (place / "aggs").fault("required", "query_type 'aggregation' needs at least one aggregation in 'aggs'")
    size, from_ = _read_integer(place, params, "size", SIZE), _read_integer(place, params, "from", FROM)
    check_window(place, size, from_, LIMITS.window)
    sort = read_sort(place / "sort", params["sort"]) if "sort" in params else ()
    source = read_source(place / "_source", params["_source"]) if "_source" in params else True
    walk.faults.raise_if_any()
    return NormalizedRequest(
        index=index or "", query=query or {}, aggs=aggs, size=size, from_=from_, sort=sort, source=source
    )


def _read_query(place: Place, query_type: str, params: dict[str, Json]) -> Clause | None:
    at = place / "query"
    if "query" not in params:
        if query_type != AGGREGATION:
            at.fault("required", f"query_type {quoted(query_type)} needs 'query' with that clause at its root")
        return {"match_all": {}}
    clause = read_clause(at, params["query"])
    if clause is not None and query_type in QUERY_TYPES and query_type not in (AGGREGATION, *clause):
        at.fault(
            "root_mismatch",
            f"query_type {quoted(query_type)} names the root clause, which is {quoted(next(iter(clause)))} here",
        )
    return clause


def _read_integer(place: Place, params: dict[str, Json], name: str, option: Option) -> int:
    if name not in params:
        return int(option.default)
    checked = option.check(place / name, params[name])
    return int(option.default) if checked is None else int(checked)
