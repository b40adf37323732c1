"""Rows that no bundle can hold: one of them must not keep those of its batch here for ever."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import structlog
from django.db import transaction

from common_apps.core import clock
from common_apps.transfer.bundle.codec import decode_record
from common_apps.transfer.bundle.errors import BundleError, Code
from common_apps.transfer.models import ExportBatch
from common_apps.transfer.registry import LogSender, RejectingSender
from common_apps.transfer.services.export_steps import ExportRun

log = structlog.get_logger("transfer.export")


def reject_unwritable(*, run: ExportRun, sender: LogSender, batch: ExportBatch) -> int:
    """Looks at each row that is pinned to the batch as a receiver would, and has its app give up those that it would
    refuse; how many. None where the app can't, or where no row by itself is to blame.
    """
    if not isinstance(sender, RejectingSender):
        return 0
    try:
        return _reject(run, sender, batch)
    except BundleError as error:
        # A row that its app can't even put into a line: nobody can tell here which.
        log.error("record can't be read", stream=run.stream, reason=str(error))
        return 0


def _reject(run: ExportRun, sender: RejectingSender, batch: ExportBatch) -> int:
    with transaction.atomic(durable=True):
        found: dict[Code, list[Any]] = defaultdict(list)
        for outgoing in sender.read(batch_id=batch.id):
            try:
                if b"\n" in outgoing.line:
                    raise BundleError(Code.BAD_RECORD, "a line break inside a record")
                decode_record(run.stream, outgoing.line, run.limits)
            except BundleError as error:
                log.error("record can't be written", stream=run.stream, id=str(outgoing.id), reason=str(error))
                found[error.code].append(outgoing.id)
        at = clock.now()
        return sum(sender.reject(batch_id=batch.id, only=ids, code=code, at=at) for code, ids in found.items())
