"""Text that PostgreSQL and UTF-8 can hold: U+0000 and lone surrogates become U+FFFD at the engine's edge."""

from __future__ import annotations

import re
from typing import Any

_UNSAFE = re.compile("[\x00\ud800-\udfff]")
REPLACEMENT = "\ufffd"


def replace_unsafe(value: Any) -> Any:
    """The JSON value with every unsafe character, in keys as well, replaced; the same object when none is."""
    if isinstance(value, str):
        return _UNSAFE.sub(REPLACEMENT, value) if _UNSAFE.search(value) else value
    if isinstance(value, list):
        return [replace_unsafe(item) for item in value]
    if isinstance(value, dict):
        return {replace_unsafe(key): replace_unsafe(item) for key, item in value.items()}
    return value
