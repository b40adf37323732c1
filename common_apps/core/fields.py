"""A model field that several apps need."""

from __future__ import annotations

from typing import Any

import msgspec
from django.db import models


class JsonTextField(models.JSONField):
    """JSON in PostgreSQL's ``json`` type: the very text that was written comes back, and reading never needs decoding.

    Not ``jsonb``, which writes ``1e300`` as a 1 followed by 300 zeros and puts blanks between members: a text that was
    within a bundle's 64 KiB on one side of the gap might not be on the other. What ``jsonb`` alone can do (containment,
    indexes) can't be done here. A ``msgspec.Raw`` is stored as it is.
    """

    def db_type(self, connection: Any) -> str:
        """The column's type."""
        return "json"

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """The value as compact JSON; expressions go through."""
        if hasattr(value, "as_sql"):
            return value
        return encode_json(value)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """psycopg has decoded it already."""
        return value


def encode_json(value: Any) -> str:
    """Compact JSON as such a column keeps it; a ``msgspec.Raw`` as it is."""
    return (bytes(value) if isinstance(value, msgspec.Raw) else msgspec.json.encode(value)).decode()
