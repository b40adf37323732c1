"""Reads request bodies: JSON as strict as a bundle's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from common_apps.core.errors import DomainError
from common_apps.core.strict_json import StrictJsonError, loads

MAX_BODY_BYTES = 1024 * 1024


class StrictJsonParser(BaseParser):
    """UTF-8 JSON of at most 1 MiB: no duplicate keys, NaN, lone surrogates, U+0000; depth at most 32."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The value, or ParseError (400 malformed_json) / DomainError (413 payload_too_large)."""
        raw = stream.read(MAX_BODY_BYTES + 1)
        if len(raw) > MAX_BODY_BYTES:
            raise DomainError("payload_too_large", "A body may hold 1 MiB at most; ask in several requests.")
        try:
            return loads(raw)
        except StrictJsonError as error:
            raise ParseError(str(error)) from error
