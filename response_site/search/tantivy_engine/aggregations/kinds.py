"""Every aggregation of the language and how it is computed."""

from __future__ import annotations

from response_site.search.tantivy_engine.aggregations import histograms, metrics, selections
from response_site.search.tantivy_engine.aggregations.run import Kind
from response_site.search.tantivy_engine.aggregations.terms import terms

KINDS: dict[str, Kind] = {
    "terms": terms,
    "sum": metrics.sum_,
    "avg": metrics.avg,
    "min": metrics.min_,
    "max": metrics.max_,
    "stats": metrics.stats,
    "value_count": metrics.value_count,
    "cardinality": metrics.cardinality,
    "percentiles": metrics.percentiles,
    "histogram": histograms.histogram,
    "date_histogram": histograms.date_histogram,
    "range": selections.range_,
    "date_range": selections.date_range,
    "filter": selections.filter_,
    "filters": selections.filters,
    "missing": selections.missing,
    "top_hits": selections.top_hits,
}
