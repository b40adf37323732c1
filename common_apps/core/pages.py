"""Rows of a table that may be larger than the memory."""

from collections.abc import Iterator
from typing import TypeVar

from django.db.models import Model, QuerySet

_Row = TypeVar("_Row", bound=Model)


def in_pages(rows: QuerySet[_Row], *, by: str = "pk", size: int = 1000) -> Iterator[_Row]:
    """The rows in the order of the unique column ``by``, ``size`` of them a statement.

    ``QuerySet.iterator`` would hold them all: it keeps its promise with server-side cursors alone, and these are off,
    since behind PgBouncer they are lost. Of what changes between two pages the later state is seen, unless the caller's
    transaction has one snapshot for all.
    """
    rest = rows
    while True:
        page = list(rest.order_by(by)[:size])
        yield from page
        if len(page) < size:
            return
        rest = rows.filter(**{f"{by}__gt": getattr(page[-1], by)})
