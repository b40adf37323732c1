"""The streams of execution: requests come in, results go out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from common_apps.core.outages import OUTAGES
from common_apps.transfer.bundle import records as wire
from common_apps.transfer.registry import Applied, Outgoing, Waiting
from response_site.execution.services.cancel import cancel_waiting, enter_cancellations
from response_site.execution.services.deliver import (
    claim_results,
    confirm_results,
    count_waiting,
    mark_results_exported,
    read_results,
    replace_discarded,
    replace_unwritable,
    requeue_results,
)
from response_site.execution.services.receive import enter_requests

log = structlog.get_logger("execution.streams")

REQUESTS = "requests"
RESULTS = "results"


class RequestReceiver:
    """Enters requests and cancellations (a LogReceiver)."""

    def apply(self, records: Sequence[Any], *, import_batch_id: UUID, at: datetime) -> Applied:
        """Enters what is not known yet, and gives up what is to be given up."""
        requests = [record for record in records if isinstance(record, wire.Request)]
        cancels = [record for record in records if isinstance(record, wire.Cancel)]
        entered = enter_requests(requests=requests, import_batch_id=import_batch_id, at=at)
        wished, wished_before, unlike = enter_cancellations(cancels=cancels, import_batch_id=import_batch_id, at=at)
        touched = {request.id for request in requests} | {cancel.request_id for cancel in cancels}
        cancelled = cancel_waiting(request_ids=touched, at=at)
        return Applied(
            applied=entered.entered + wished,
            known=entered.known + wished_before,
            conflicts=(*entered.conflicts, *unlike),
            woken={"pending": max(0, entered.to_execute - cancelled)},
        )

    def after_commit(self, applied: Applied) -> None:
        """Wakes as many drains as there is work for. Without a broker the rows wait for the sweep."""
        from response_site.execution.tasks import wake_drains

        try:
            wake_drains(pending=applied.woken.get("pending", 0))
        except OUTAGES as error:
            log.warning("drains_not_woken", error=type(error).__name__)


class ResultSender:
    """Sends answers (a LogSender)."""

    def waiting(self) -> Waiting:
        """What waits."""
        return count_waiting()

    def claim(self, *, batch_id: UUID, limit: int) -> int:
        """T1."""
        return claim_results(batch_id=batch_id, limit=limit)

    def read(self, *, batch_id: UUID) -> Iterator[Outgoing]:
        """The pinned answers, by id."""
        return read_results(batch_id=batch_id)

    def mark_exported(self, *, batch_id: UUID, at: datetime) -> int:
        """T2."""
        return mark_results_exported(batch_id=batch_id, at=at)

    def confirm(self, *, batch_id: UUID, conflicts: Collection[UUID], at: datetime) -> None:
        """The first answer stands, so the other site sets none aside: ``conflicts`` are confirmed as the others."""
        confirm_results(batch_id=batch_id, at=at)

    def requeue(self, *, batch_id: UUID, only: Collection[UUID] | None = None) -> int:
        """They wait again."""
        return requeue_results(batch_id=batch_id, only=only)

    def end(self, *, batch_id: UUID, code: str, at: datetime) -> None:
        """Each goes anew as failure `answer_discarded`."""
        replace_discarded(batch_id=batch_id, code=code, at=at)

    def reject(self, *, batch_id: UUID, only: Collection[Any], code: str, at: datetime) -> int:
        """A failure `internal_error` goes in the place of each."""
        return replace_unwritable(batch_id=batch_id, only=only, code=code, at=at)

    def has_unanswered(self, *, batch_id: UUID) -> bool:
        """Never: an answer waits for nothing."""
        return False
