"""Compiles what must be refused, and answers the faults."""

from __future__ import annotations

from typing import Any

import pytest

from common_apps.queries.language import FieldError, InvalidQuery, compile_request
from tests.plain.language.vocabulary import FIELDS

AGG = {"sum": {"field": "amount"}}


def refused(query_type: str = "match", **params: Any) -> list[FieldError]:
    with pytest.raises(InvalidQuery) as caught:
        compile_request(query_type=query_type, query_params={"index": "contracts", **params}, fields=FIELDS)
    return caught.value.errors
