"""The catalogue's stream: a state, always carried whole. A site registers the end that it has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from common_apps.queries.selectors import catalogue_lines
from common_apps.queries.services import replace_catalogue

STREAM = "catalogue"


class CatalogueSender:
    """Sends indices, their fields and whitelists, and datasets (a StateSender)."""

    def snapshot(self) -> Iterator[bytes]:
        """All of it as canonical lines."""
        return catalogue_lines()

    def mark_exported(self, *, seq: int, at: datetime) -> None:
        """Nothing to mark: it always travels whole."""


class CatalogueReceiver:
    """Makes the catalogue equal to what was carried (a StateReceiver)."""

    def apply_snapshot(self, records: Iterable[Any], *, import_batch_id: UUID, at: datetime) -> int:
        """How many rows changed."""
        return replace_catalogue(entries=list(records), at=at)

    def after_commit(self, changed: int) -> None:
        """Nobody waits for it: every request reads the catalogue's revisions."""
