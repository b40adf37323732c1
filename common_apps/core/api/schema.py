"""What every OpenAPI page of ours says alike: the shape of an error."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework import serializers

from common_apps.core.api.problems import CONTENT_TYPE, PROBLEMS


class FaultSerializer(serializers.Serializer[Any]):
    """One fault in a body."""

    pointer = serializers.CharField(help_text="RFC 6901 JSON pointer from the body's root")
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """Problem details (RFC 9457); ``code`` is stable."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField()
    code = serializers.CharField()
    request_id = serializers.CharField(allow_null=True)
    errors = FaultSerializer(many=True)  # type: ignore[assignment]  # the wire's name, not REST framework's property


def problems(*codes: str) -> dict[tuple[int, str], OpenApiResponse]:
    """Responses of ``extend_schema`` for these codes, one for each status, with their titles."""
    by_status: defaultdict[int, list[str]] = defaultdict(list)
    for code in codes:
        by_status[PROBLEMS[code][0]].append(code)
    return {
        (status, CONTENT_TYPE): OpenApiResponse(
            ProblemSerializer,
            description="; ".join(f"`{code}`: {PROBLEMS[code][1]}" for code in named),
            examples=[
                OpenApiExample(
                    code,
                    value={
                        "type": f"urn:airferry:problem:{code}",
                        "title": PROBLEMS[code][1],
                        "status": status,
                        "detail": "",
                        "instance": "/api/v1/",
                        "code": code,
                        "request_id": None,
                        "errors": [],
                    },
                    media_type=CONTENT_TYPE,
                )
                for code in named
            ],
        )
        for status, named in by_status.items()
    }
