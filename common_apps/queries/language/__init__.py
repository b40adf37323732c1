"""The query language: validation and normalization, plain Python."""
