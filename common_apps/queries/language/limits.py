"""Every limit of the query language in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds are inclusive; sizes of JSON are the UTF-8 bytes of its compact spelling."""

    errors: int = 20
    """Faults told at once."""

    query_params_bytes: int = 64 * 1024
    metadata_bytes: int = 4 * 1024
    metadata_depth: int = 5
    """Objects and lists within one another, the metadata object itself being 1."""

    size: int = 1000
    default_size: int = 10
    window: int = 10_000
    """``from`` + ``size``."""
    sorts: int = 5
    source_fields: int = 100

    depth: int = 6
    """Clauses within clauses, the root being 1."""
    clauses: int = 64
    text: int = 512
    """Characters (code points) of any text."""
    terms: int = 1024
    ids: int = 1000
    wildcards: int = 4
    slop: int = 10
    expansions: int = 50
    prefix_length: int = 512
    multi_match_fields: int = 16
    boost: float = 1_000_000.0

    aggregations: int = 16
    aggregation_depth: int = 3
    buckets: int = 10_000
    """Buckets in one answer: judged when the request runs."""
    terms_size: int = 1000
    percents: int = 20
    ranges: int = 50
    filters: int = 50
    top_hits: int = 10
    top_hits_window: int = 100
    """``from`` + ``size`` of top_hits: Elasticsearch's ``index.max_inner_result_window``."""
    document_count: int = 2**31 - 1
    """``min_doc_count``: what Elasticsearch reads it into is 32 bits wide."""
    interval_days: int = 36_525
    """A ``fixed_interval`` or a date ``offset``: a century."""


LIMITS = Limits()
