"""Filters, order and pages of the list of requests."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework.request import Request as HttpRequest

from common_apps.core.api.paging import CursorPages
from common_apps.core.errors import DomainError, FieldFault
from common_apps.queries.language import QUERY_TYPES
from request_site.submissions.choices import RequestStatus
from request_site.submissions.models import Request

ORDERINGS = ("created_at", "-created_at", "priority", "-priority")


class RequestFilter(django_filters.FilterSet):
    """?status= &query_type= &created_after= &created_before="""

    status = django_filters.ChoiceFilter(choices=RequestStatus.choices)
    query_type = django_filters.ChoiceFilter(choices=[(name, name) for name in QUERY_TYPES])
    created_after = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Request
        fields: list[str] = []


class RequestPages(CursorPages):
    """Cursor pages with ?ordering=, newest first where nothing is said."""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any], view: Any) -> tuple[str, ...]:
        """The order that was asked for, with the id to make it total."""
        wanted = request.query_params.get("ordering", "-created_at")
        if wanted not in ORDERINGS:
            raise DomainError(
                "validation_failed",
                "The query string has a fault.",
                errors=[FieldFault("/ordering", "invalid_choice", f"ordering is one of {', '.join(ORDERINGS)}")],
            )
        return (wanted, "-id" if wanted.startswith("-") else "id")
