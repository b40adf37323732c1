"""Cursor pages: {next, previous, results}. Stable while rows are added."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import Field, Model, Q
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from common_apps.core.errors import DomainError, FieldFault


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place between two rows: the order's values of the row beside it, and in which direction the page lies."""

    values: tuple[Any, ...]
    backwards: bool


class CursorPages(CursorPagination):
    """Newest first; ``page_size`` 1 to 200.

    REST framework's cursor keeps the first column of the order and counts the rows that share its value, up to 1,000:
    beyond, it gives one page for ever. Here the cursor holds the whole order, whose last column must be unique and
    whose columns all go the same way, so that each page costs the same and each row comes once.
    """

    ordering = ("-created_at", "-id")
    page_size_query_param = "page_size"
    max_page_size = 200

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """The rows of the page that ``?cursor=`` names, else the first. DomainError validation_failed for a bad one."""
        self.request = request
        self.address = request.build_absolute_uri()
        size = self.get_page_size(request)
        names = tuple(self.get_ordering(request, queryset, view))
        cursor = _read(request.query_params.get(self.cursor_query_param), queryset.model, names)
        if cursor is not None and cursor.backwards:
            names = tuple(_turned(name) for name in names)
        rows = queryset.order_by(*names)
        if cursor is not None:
            rows = rows.filter(_beyond(names, cursor.values))
        found = list(rows[: size + 1])
        self.page = found[:size]
        beyond, behind = len(found) > size, cursor is not None
        if cursor is not None and cursor.backwards:
            self.page.reverse()
            beyond, behind = behind, beyond
        columns = [name.removeprefix("-") for name in names]
        self.after = _written(self.page[-1], columns, backwards=False) if self.page and beyond else None
        self.before = _written(self.page[0], columns, backwards=True) if self.page and behind else None
        return self.page

    def get_page_size(self, request: Request) -> int:
        """What ``?page_size=`` says, else PAGE_SIZE. DomainError validation_failed for what is no size."""
        asked = request.query_params.get(self.page_size_query_param)
        if asked is None:
            return int(self.page_size or self.max_page_size)
        if not (asked.isascii() and asked.isdigit() and 1 <= int(asked[:9]) <= self.max_page_size):
            raise _fault(self.page_size_query_param, f"page_size is a whole number from 1 to {self.max_page_size}")
        return int(asked)

    def get_next_link(self) -> str | None:
        """The address of the page after this one."""
        return self._link(self.after)

    def get_previous_link(self) -> str | None:
        """The address of the page before this one."""
        return self._link(self.before)

    def _link(self, cursor: str | None) -> str | None:
        return None if cursor is None else str(replace_query_param(self.address, self.cursor_query_param, cursor))


def _read(encoded: str | None, model: type[Model], names: Sequence[str]) -> Cursor | None:
    if not encoded:
        return None
    try:
        backwards, *texts = msgspec.json.decode(urlsafe_b64decode(encoded.encode("ascii")))
        if not isinstance(backwards, bool) or not all(isinstance(text, str) for text in texts):
            raise ValueError(encoded)
        values = tuple(_value(model, name.removeprefix("-"), text) for name, text in zip(names, texts, strict=True))
    except (ValueError, OverflowError, msgspec.DecodeError, ValidationError, FieldDoesNotExist, TypeError) as error:
        raise _fault(
            "cursor", "not a cursor of this list in this order; take it from next or previous, or leave it out"
        ) from error
    return Cursor(values, backwards)


def _value(model: type[Model], column: str, text: str) -> Any:
    field = model._meta.get_field(column)
    if not isinstance(field, Field) or "\0" in text:
        raise ValueError(column)
    value = field.to_python(text)
    if value is None or (isinstance(value, datetime) and value.tzinfo is None):
        raise ValueError(text)
    # Finds what the column can't hold, and so can't be compared with.
    field.run_validators(value)
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def _written(row: Model, columns: Sequence[str], *, backwards: bool) -> str:
    values = [getattr(row, column) for column in columns]
    texts = [value.isoformat() if isinstance(value, datetime) else str(value) for value in values]
    return urlsafe_b64encode(msgspec.json.encode([backwards, *texts])).decode()


def _turned(name: str) -> str:
    return name[1:] if name.startswith("-") else f"-{name}"


def _beyond(names: Sequence[str], values: Sequence[Any]) -> Q:
    """Rows after the values in this order; the first column alone besides, which an index can follow."""
    step = "lt" if names[0].startswith("-") else "gt"
    columns = [name.removeprefix("-") for name in names]
    after = Q()
    for place, column in enumerate(columns):
        alike = Q(**dict(zip(columns[:place], values[:place], strict=True)))
        after |= alike & Q(**{f"{column}__{step}": values[place]})
    return Q(**{f"{columns[0]}__{step}e": values[0]}) & after


def _fault(name: str, detail: str) -> DomainError:
    return DomainError(
        "validation_failed", "The query string has a fault.", errors=[FieldFault(f"/{name}", "invalid", detail)]
    )
