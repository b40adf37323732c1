"""What happens to a bundle's rows, whichever app they are of."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import structlog

from common_apps.transfer.models import ExportBatch
from common_apps.transfer.registry import log_senders

log = structlog.get_logger("transfer.holdings")


def mark_rows_exported(batch: ExportBatch, at: datetime) -> None:
    """T2's part for a log's app: its rows have left."""
    log_senders[batch.batch_type].mark_exported(batch_id=batch.id, at=at)


def requeue_rows(batch: ExportBatch) -> int:
    """A log's rows are pending again, to travel in another bundle; how many. A state has none: it is read anew."""
    sender = log_senders.get(batch.batch_type)
    return 0 if sender is None else sender.requeue(batch_id=batch.id)


def confirm_rows(batch: ExportBatch, *, conflicts: Iterable[str], at: datetime) -> None:
    """The peer has applied the bundle; ``conflicts`` are the ids of the records that it set aside.

    Records without a UUID (usage) are never in conflict, of two the greater stands: such a name is passed over, since
    a list that can't be heeded would be met again and again.
    """
    log_senders[batch.batch_type].confirm(batch_id=batch.id, conflicts=_uuids(conflicts), at=at)


def end_rows(batch: ExportBatch, *, code: str, at: datetime) -> None:
    """The peer's operator has discarded the bundle."""
    log_senders[batch.batch_type].end(batch_id=batch.id, code=code, at=at)


def has_unanswered_rows(batch: ExportBatch) -> bool:
    """Whether a request of the bundle still waits for its answer."""
    return log_senders[batch.batch_type].has_unanswered(batch_id=batch.id)


def _uuids(names: Iterable[str]) -> list[UUID]:
    found = []
    for name in names:
        try:
            found.append(UUID(name))
        except ValueError:
            log.warning("a record in conflict has no UUID", record=name)
    return found
