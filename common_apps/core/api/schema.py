"""What every OpenAPI page of ours says alike: the shape of an error, and how lists are paged."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
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


PAGE_PARAMETERS = [
    OpenApiParameter("cursor", description="of `next` or `previous`"),
    OpenApiParameter("page_size", {"type": "integer", "minimum": 1, "maximum": 200}, description="default: 50"),
]

_METHODS = {"get", "post", "put", "patch", "delete"}


def add_common_problems(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """A hook of drf-spectacular: gives each operation the problems that any view like it may answer.

    Those that a view names itself stay as they are.
    """
    for path, item in result["paths"].items():
        for operation in (item[method] for method in item.keys() & _METHODS):
            codes = ["not_acceptable", "internal_error", "service_unavailable"]
            if operation.get("security"):
                codes += ["not_authenticated", "token_invalid", "permission_denied"]
            if "requestBody" in operation:
                codes += ["malformed_json", "validation_failed", "length_required", "payload_too_large"]
                codes += ["unsupported_media_type"]
            if any(parameter["in"] == "query" for parameter in operation.get("parameters", [])):
                codes.append("validation_failed")
            if "{" in path:
                codes.append("not_found")
            named = operation["responses"]
            for status, titles in _titles(codes).items():
                named.setdefault(status, _problem_response(titles))
            operation["responses"] = dict(sorted(named.items()))
    return result


def _titles(codes: list[str]) -> dict[str, str]:
    by_status: defaultdict[str, list[str]] = defaultdict(list)
    for code in dict.fromkeys(codes):
        status, title = PROBLEMS[code]
        by_status[str(status)].append(f"`{code}`: {title}")
    return {status: "; ".join(titles) for status, titles in by_status.items()}


def _problem_response(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
