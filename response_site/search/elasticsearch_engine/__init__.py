"""Elasticsearch 8 behind the same interface as the embedded engine."""

from response_site.search.elasticsearch_engine.engine import ElasticsearchEngine

__all__ = ["ElasticsearchEngine"]
