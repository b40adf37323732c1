"""Writes a log stream: batch after batch, until nothing waits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.db import transaction

from common_apps.core.failpoints import failpoint
from common_apps.transfer.bundle.errors import BundleError
from common_apps.transfer.bundle.limits import Limits
from common_apps.transfer.bundle.writer import WrittenBundle
from common_apps.transfer.choices import BundleMode, ExportStatus
from common_apps.transfer.models import ExportBatch
from common_apps.transfer.registry import LogSender, Outgoing, RecordId
from common_apps.transfer.selectors import newest_version
from common_apps.transfer.services.export_steps import (
    ExportRun,
    complete_batch,
    draft_batch,
    fail_batch,
    publish_file,
    write_file,
)
from common_apps.transfer.services.rejecting import reject_unwritable


def export_log(*, run: ExportRun, sender: LogSender) -> None:
    """Every bundle that can be cut from what waits. The caller holds the stream's lock."""
    # Nearly always nothing waits, and to ask is cheaper than to open a bundle for it.
    if sender.waiting().count == 0:
        return
    number = newest_version(run.stream)
    while True:
        number += 1
        batch = _claim(run, sender, number)
        if batch is None:
            return
        failpoint("export.claimed")
        try:
            written = _write(run, sender, batch)
        except Exception as error:
            # A full disk, a record that can't be written: nothing of it may stay pinned.
            rejected = reject_unwritable(run=run, sender=sender, batch=batch) if isinstance(error, BundleError) else 0
            fail_batch(run=run, batch=batch, reason=f"{type(error).__name__}: {error}")
            if rejected == 0:
                raise
            continue
        complete_batch(run=run, batch=batch, written=written)


def _claim(run: ExportRun, sender: LogSender, number: int) -> ExportBatch | None:
    """T1: the bundle's row, and up to 500 rows pinned to it; None where nothing waits."""
    with transaction.atomic(durable=True):
        batch = draft_batch(run=run, mode=BundleMode.BATCH, seq=number)
        # Before the bundle's row: foreign keys are looked at when the transaction ends.
        count = sender.claim(batch_id=batch.id, limit=run.limits.log_records)
        if count == 0:
            return None
        batch.status = ExportStatus.PROCESSING
        batch.record_count = count
        batch.save(force_insert=True)
    return batch


def _write(run: ExportRun, sender: LogSender, batch: ExportBatch) -> WrittenBundle:
    cut = _Cut(run.limits)
    head = run.audit_head
    with transaction.atomic(durable=True):
        part = write_file(run=run, batch=batch, lines=cut.take(sender.read(batch_id=batch.id)), audit_head=head)
    if cut.left:
        # Before the file has its name: a recovery must find no row pinned that is not in the file.
        with transaction.atomic(durable=True):
            sender.requeue(batch_id=batch.id, only=cut.left)
        failpoint("export.cut")
    return publish_file(part)


class _Cut:
    """Passes lines on until the next one would break the bundle's limit; from there on it keeps the ids."""

    def __init__(self, limits: Limits) -> None:
        self.left: list[RecordId] = []
        self._room = limits.log_plaintext

    def take(self, outgoing: Iterable[Outgoing]) -> Iterator[bytes]:
        """The lines that fit. The first always goes: alone it can't be too large, or the writer says so."""
        first = True
        for each in outgoing:
            self._room -= len(each.line) + 1
            if self.left or (self._room < 0 and not first):
                self.left.append(each.id)
                continue
            first = False
            yield each.line
