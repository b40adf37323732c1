"""Writes answers: JSON by msgspec, times in UTC with Z."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
from django.utils.functional import Promise
from rest_framework.renderers import BaseRenderer


def _encode(value: Any) -> Any:
    if isinstance(value, Promise | Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "__iter__"):
        return list(value)
    raise TypeError(f"{type(value).__name__} can't be written as JSON")


class JsonRenderer(BaseRenderer):
    """application/json; a ``msgspec.Raw`` inside an answer is written as it is, without being decoded."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """The answer's bytes; nothing at all for 204."""
        if data is None:
            return b""
        return msgspec.json.encode(data, enc_hook=_encode)
