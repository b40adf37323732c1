"""What can be asked: query types, and the indices of the asker's profile as last carried."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from common_apps.core.api.schema import problems
from common_apps.core.errors import DomainError
from common_apps.queries.api.asking import AskerView
from common_apps.queries.api.serializers import IndexSerializer, IndicesSerializer, QueryTypesSerializer
from common_apps.queries.kinds import all_kinds
from common_apps.queries.selectors import IndexEntry, permitted


class QueryTypesView(AskerView):
    """Query types."""

    @extend_schema(
        tags=["catalogue"],
        operation_id="list_query_types",
        summary="The query types, with a schema and examples of each",
        responses={200: QueryTypesSerializer, **problems("not_authenticated", "permission_denied")},
    )
    def get(self, request: Request) -> Response:
        """Name, schema of query_params and examples of every query type."""
        return Response(
            {
                "results": [
                    {
                        "name": kind.name,
                        "title": kind.title,
                        "description": kind.description,
                        "schema": kind.schema,
                        "examples": kind.examples,
                    }
                    for kind in all_kinds()
                ]
            }
        )


class IndicesView(AskerView):
    """Indices."""

    @extend_schema(
        tags=["catalogue"],
        operation_id="list_indices",
        summary="The indices that your profile may ask",
        responses={200: IndicesSerializer, **problems("not_authenticated", "permission_denied")},
    )
    def get(self, request: Request) -> Response:
        """Name and fields of each."""
        allowed = permitted(self.asker(request).profile_type_id)
        return Response({"results": [_document(entry) for entry in allowed.indices.values()]})


class IndexView(AskerView):
    """One index."""

    @extend_schema(
        tags=["catalogue"],
        operation_id="get_index",
        summary="One index that your profile may ask",
        responses={200: IndexSerializer, **problems("not_authenticated", "permission_denied", "not_found")},
    )
    def get(self, request: Request, name: str) -> Response:
        """Its name and fields; one that is not allowed is as unknown as one that isn't there."""
        entry = permitted(self.asker(request).profile_type_id).indices.get(name)
        if entry is None:
            raise DomainError("not_found", "No index of this name may be asked by your profile; see indices/.")
        return Response(_document(entry))


def _document(entry: IndexEntry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "title": entry.title,
        "fields": [{"name": name, "type": kind} for name, kind in entry.fields.items()],
    }
