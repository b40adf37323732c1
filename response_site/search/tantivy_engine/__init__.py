"""The embedded engine: tantivy finds and scores documents; aggregations and sorting are computed exactly here."""

from response_site.search.tantivy_engine.engine import TantivyEngine

__all__ = ["TantivyEngine"]
