"""Identifiers made by the application."""

from __future__ import annotations

from uuid import UUID

import uuid_utils.compat


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562): ordered by time, so that an index on it stays local."""
    return uuid_utils.compat.uuid7()
