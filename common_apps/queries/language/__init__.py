"""The query language: what may be asked, validated and brought to one spelling. Plain Python, no Django.

docs/query-language.md is the users' page; what is not in it is refused.
"""

from common_apps.queries.language.compiler import AGGREGATION, QUERY_TYPES, compile_request
from common_apps.queries.language.envelope import Envelope, check_envelope, inspect_envelope, read_index
from common_apps.queries.language.errors import FieldError, InvalidQuery
from common_apps.queries.language.limits import LIMITS, Limits
from common_apps.queries.language.normalized import NormalizedRequest

__all__ = [
    "AGGREGATION",
    "LIMITS",
    "QUERY_TYPES",
    "Envelope",
    "FieldError",
    "InvalidQuery",
    "Limits",
    "NormalizedRequest",
    "check_envelope",
    "compile_request",
    "inspect_envelope",
    "read_index",
]
