"""Shapes of the request API, for its OpenAPI page. Bodies are judged by the query language, answers are plain dicts."""

from __future__ import annotations

from rest_framework import serializers

from common_apps.core.api.schema import FaultSerializer, ProblemSerializer
from common_apps.queries.language import QUERY_TYPES
from request_site.submissions.choices import RequestStatus
from request_site.submissions.models import Request


class SubmissionSerializer(serializers.Serializer[dict[str, object]]):
    """A question. docs/query-language.md says what query_params may hold; GET query-types/ has it as JSON Schema."""

    query_type = serializers.ChoiceField(choices=QUERY_TYPES)
    query_params = serializers.DictField(help_text="at most 64 KiB")
    metadata = serializers.DictField(required=False, help_text="the client's own notes: at most 4 KiB, depth 5")


class RequestSerializer(serializers.ModelSerializer[Request]):
    """A request: every column."""

    user_id = serializers.UUIDField(read_only=True)
    query_params = serializers.DictField(read_only=True)
    elasticsearch_query = serializers.DictField(allow_null=True, read_only=True)
    status = serializers.ChoiceField(choices=RequestStatus.choices, read_only=True)
    export_batch_id = serializers.UUIDField(allow_null=True, read_only=True)
    error_code = serializers.CharField(allow_null=True, read_only=True)
    error_message = serializers.CharField(allow_null=True, read_only=True)
    metadata = serializers.DictField(read_only=True)

    class Meta:
        model = Request
        fields = [
            "id",
            "user_id",
            "query_type",
            "query_params",
            "elasticsearch_query",
            "status",
            "priority",
            "created_at",
            "exported_at",
            "export_batch_id",
            "result_received_at",
            "retry_count",
            "error_code",
            "error_message",
            "metadata",
            "trace_id",
            "recovered",
        ]
        read_only_fields = fields


class RequestPageSerializer(serializers.Serializer[dict[str, object]]):
    """A page of requests."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = RequestSerializer(many=True)


class VerdictSerializer(serializers.Serializer[dict[str, object]]):
    """What validating said."""

    valid = serializers.BooleanField()
    elasticsearch_query = serializers.DictField(allow_null=True, help_text="the search body an engine would run")
    errors = FaultSerializer(many=True)  # type: ignore[assignment]  # the wire's name, not REST framework's property


class OutcomeSerializer(serializers.Serializer[dict[str, object]]):
    """What became of one item of a bulk."""

    index = serializers.IntegerField(help_text="place in the list, from 0")
    status = serializers.IntegerField(help_text="201, 200 for a replay, or the problem's status")
    id = serializers.UUIDField(required=False)
    problem = ProblemSerializer(required=False)


class BulkSerializer(serializers.Serializer[dict[str, object]]):
    """One outcome for each item, in their order."""

    results = OutcomeSerializer(many=True)


class CacheUseSerializer(serializers.Serializer[dict[str, object]]):
    """Whether the answer came from the other site's cache, and how old it was then."""

    hit = serializers.BooleanField()
    age_s = serializers.IntegerField(allow_null=True)


class ResultSerializer(serializers.Serializer[dict[str, object]]):
    """An answer: ``result`` is Elasticsearch's search response."""

    request_id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=RequestStatus.choices)
    result = serializers.DictField(allow_null=True)
    result_count = serializers.IntegerField(allow_null=True, help_text="total hits, exact")
    execution_time_ms = serializers.IntegerField(allow_null=True)
    elasticsearch_took_ms = serializers.IntegerField(allow_null=True)
    cache = CacheUseSerializer()
    executed_at = serializers.DateTimeField(allow_null=True)
    received_at = serializers.DateTimeField(allow_null=True)


class HopSerializer(serializers.Serializer[dict[str, object]]):
    """A step of the way."""

    name = serializers.CharField()
    meaning = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True, help_text="null while it is ahead, or was never told")


class EstimateSerializer(serializers.Serializer[dict[str, object]]):
    """When past trips say that the answer will be readable."""

    expected_at = serializers.DateTimeField(allow_null=True, help_text="null with fewer than three past requests")
    overdue = serializers.BooleanField(help_text="expected_at has passed")
    samples = serializers.IntegerField(help_text="how many past requests it was told from")


class TimelineSerializer(serializers.Serializer[dict[str, object]]):
    """The eight hops of a request."""

    request_id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=RequestStatus.choices)
    hops = HopSerializer(many=True)
    waits_for = serializers.ChoiceField(
        choices=["export", "carry", "trip", "answer", "operators"],
        allow_null=True,
        help_text="export: to be sealed; carry: a stick; trip: its arrival to be told; answer: execution and the way"
        " back; operators: a decision on the other site; null: it has ended",
    )
    detail = serializers.CharField()
    trip = serializers.CharField(allow_null=True, help_text="the folder on the stick that it left with")
    cancel_asked_at = serializers.DateTimeField(allow_null=True)
    estimate = EstimateSerializer()
