"""Log lines: {timestamp, level, component, message, request_id, user_id, duration_ms, metadata} as JSON."""

from __future__ import annotations

from typing import Any

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

TOP_LEVEL = ("timestamp", "level", "component", "message", "request_id", "user_id", "duration_ms")


def shared_processors() -> list[Processor]:
    """What every line goes through, ours and the libraries' alike."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        structlog.processors.UnicodeDecoder(),
    ]


def to_json(logger: WrappedLogger, name: str, event: EventDict) -> str:
    """The line: the fixed fields first, everything else under ``metadata``."""
    event["component"] = event.pop("logger", None)
    event["message"] = str(event.pop("event", ""))
    line: dict[str, Any] = {key: event.pop(key, None) for key in TOP_LEVEL}
    line["metadata"] = dict(event)
    return msgspec.json.encode(line, enc_hook=str).decode()
