"""Shapes of the catalogue's API, for its OpenAPI page: answers are plain dicts."""

from __future__ import annotations

from rest_framework import serializers


class ExampleSerializer(serializers.Serializer[dict[str, object]]):
    """A request over the sample dataset that can be sent as it is."""

    title = serializers.CharField()
    query_params = serializers.DictField()


class QueryTypeSerializer(serializers.Serializer[dict[str, object]]):
    """One way to ask."""

    name = serializers.CharField(help_text="what query_type names")
    title = serializers.CharField()
    description = serializers.CharField()
    schema = serializers.DictField(help_text="JSON Schema (2020-12) of query_params")
    examples = ExampleSerializer(many=True)


class QueryTypesSerializer(serializers.Serializer[dict[str, object]]):
    """Every query type."""

    results = QueryTypeSerializer(many=True)


class IndexFieldSerializer(serializers.Serializer[dict[str, str]]):
    """A field and its Elasticsearch type."""

    name = serializers.CharField()
    type = serializers.CharField()


class IndexSerializer(serializers.Serializer[dict[str, object]]):
    """An index that may be asked."""

    name = serializers.CharField()
    title = serializers.CharField()
    fields = IndexFieldSerializer(many=True)  # type: ignore[assignment]  # REST framework's name for the declared fields


class IndicesSerializer(serializers.Serializer[dict[str, object]]):
    """Every index that may be asked."""

    results = IndexSerializer(many=True)
