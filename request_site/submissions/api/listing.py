"""Filters, order and pages of the list of requests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import django_filters
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django_filters.fields import IsoDateTimeField
from rest_framework.request import Request as HttpRequest

from common_apps.core.api.paging import CursorPages
from common_apps.core.errors import DomainError, FieldFault
from common_apps.queries.language import QUERY_TYPES
from request_site.submissions.choices import RequestStatus
from request_site.submissions.models import Request

ORDERINGS = ("created_at", "-created_at", "priority", "-priority")


class _MomentField(IsoDateTimeField):
    """An ISO 8601 time that exists in UTC, too: the year 1 or 9999 may lie beyond the calendar there."""

    def to_python(self, value: Any) -> datetime | None:
        """In UTC; ValidationError for what is no time."""
        moment: datetime | None = super().to_python(value)
        try:
            return None if moment is None else moment.astimezone(UTC)
        except OverflowError as error:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from error


class _MomentFilter(django_filters.IsoDateTimeFilter):
    field_class = _MomentField


class RequestFilter(django_filters.FilterSet):
    """?status= &query_type= &created_after= &created_before="""

    status = django_filters.ChoiceFilter(choices=RequestStatus.choices)
    query_type = django_filters.ChoiceFilter(choices=[(name, name) for name in QUERY_TYPES])
    created_after = _MomentFilter(field_name="created_at", lookup_expr="gte")
    created_before = _MomentFilter(field_name="created_at", lookup_expr="lt")

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
