"""?format= of a result: JSON, or its hits as CSV or NDJSON. Errors are JSON in each of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer

from common_apps.core.api.renderers import JsonRenderer
from common_apps.core.errors import DomainError, FieldFault


class CsvRenderer(JsonRenderer):
    """Stands for text/csv, which the view streams; renders what isn't hits."""

    media_type = "text/csv"
    format = "csv"


class NdjsonRenderer(JsonRenderer):
    """Stands for application/x-ndjson, which the view streams; renders what isn't hits."""

    media_type = "application/x-ndjson"
    format = "ndjson"


class ResultNegotiation(DefaultContentNegotiation):
    """An unknown ?format= is the asker's mistake, not a missing page."""

    def filter_renderers(self, renderers: Iterable[BaseRenderer], format: str) -> list[Any]:  # noqa: A002
        """The renderers of that format; DomainError validation_failed when there is none."""
        found = [renderer for renderer in renderers if renderer.format == format]
        if not found:
            raise DomainError(
                "validation_failed",
                "The query string has a fault.",
                errors=[FieldFault("/format", "invalid_choice", "format is one of json, csv, ndjson")],
            )
        return found
