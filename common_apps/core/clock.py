"""The one place where a service reads the time: tests move it, and SQL's now() is never asked."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The present, UTC, aware."""
    return datetime.now(UTC)


def to_wire(moment: datetime) -> str:
    """RFC 3339 with Z and microseconds: how a time is written in a bundle and in the API."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
