"""Aggregations over the columns of a snapshot, exact in every count, in Elasticsearch's response shapes."""
