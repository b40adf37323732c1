"""One bundle from T1 to T2: the steps that a crash may come between. export_log and export_state string them
together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction

from common_apps.audit.actors import Actor
from common_apps.audit.services import head, record, seal
from common_apps.core import clock
from common_apps.core.failpoints import failpoint
from common_apps.core.ids import new_id
from common_apps.transfer.bundle.codec import lines_in_schema
from common_apps.transfer.bundle.header import AuditHead, Hello
from common_apps.transfer.bundle.limits import Limits
from common_apps.transfer.bundle.names import bundle_name
from common_apps.transfer.bundle.streams import STREAMS
from common_apps.transfer.bundle.writer import (
    BundleFacts,
    WrittenBundle,
    publish,
    write_latest,
    write_part,
    write_sidecar,
)
from common_apps.transfer.choices import BundleMode, ExportStatus
from common_apps.transfer.folders import Folders
from common_apps.transfer.models import ExportBatch
from common_apps.transfer.services.files import remove_written
from common_apps.transfer.services.peer import WriterKeys
from common_apps.transfer.services.rows import mark_rows_exported, requeue_rows

log = structlog.get_logger("transfer.export")

SOFTWARE = "airferry/1"
# What is known of a bundle once its file is there.
_WRITTEN = (
    "status", "completed_at", "digest", "box_key", "signer", "file_path", "file_size_bytes", "checksum", "record_count",
)  # fmt: skip
Outcome = Literal["written", "recovered", "failed"]


@dataclass(frozen=True)
class ExportRun:
    """What all bundles of one run share: who asked, where, with which keys and limits, and which day it is.

    ``done`` gets each bundle as soon as it is written, so that it is known also when a later one fails.
    """

    stream: str
    actor: Actor
    folders: Folders
    keys: WriterKeys
    limits: Limits
    day: int
    done: list[ExportOutcome]

    @property
    def folder(self) -> Path:
        """EXPORT_DIR/<stream>."""
        return self.folders.exports / self.stream

    @cached_property
    def audit_head(self) -> AuditHead | None:
        """The newest link of the audit chain, sealed when the first bundle of the run needs it.

        To be asked for outside of a transaction: the sealer's lock must not be kept while a file is written, and
        inside a snapshot it would see the chain as it was before another sealer.
        """
        seal()
        newest = head()
        return None if newest is None else AuditHead(seq=newest[0], hash=newest[1])


@dataclass(frozen=True, slots=True)
class ExportOutcome:
    """One bundle that was written, or that a dead exporter left: ``recovered`` (its file was sound) or ``failed``."""

    stream: str
    outcome: Outcome
    batch_id: UUID
    seq: int
    mode: str
    record_count: int
    file: str
    file_size: int


def draft_batch(*, run: ExportRun, mode: BundleMode, seq: int) -> ExportBatch:
    """The bundle's row, with its id, number, name and place; not saved."""
    at = clock.now()
    batch_id = new_id()
    filename = bundle_name(run.stream, at, batch_id)
    return ExportBatch(
        id=batch_id,
        batch_type=run.stream,
        mode=mode,
        seq=seq,
        schema=STREAMS[run.stream].schema_for(run.keys.max_schema),
        filename=filename,
        file_path=str(run.folder / filename),
        status=ExportStatus.PENDING,
        created_at=at,
        day=run.day,
    )


def write_file(
    *,
    run: ExportRun,
    batch: ExportBatch,
    lines: Iterable[bytes],
    audit_head: AuditHead | None,
    hello: Hello | None = None,
    digest: str | None = None,
) -> WrittenBundle:
    """The `.part`, fsynced and verified as a receiver would. ``lines`` are of the newest schema, and written in the
    bundle's. ``digest``: of a delta, that of the snapshot that it stands for. Raises BundleError, OSError.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    facts = BundleFacts(
        batch_id=batch.id,
        stream=run.stream,
        mode=_mode_of(batch),
        seq=batch.seq,
        created_at=batch.created_at,
        source=settings.SITE,
        destination=settings.PEER,
        software=SOFTWARE,
        schema=batch.schema,
        digest=digest,
        hello=hello,
        audit_head=audit_head,
    )
    return write_part(
        run.folder,
        facts,
        lines_in_schema(run.stream, lines, batch.schema),
        signing=run.keys.signing,
        recipient=run.keys.recipient,
        limits=run.limits,
    )


def _mode_of(batch: ExportBatch) -> Any:
    """The header's type lists the modes; the column's CHECK constraint holds the same."""
    return batch.mode


def publish_file(part: WrittenBundle) -> WrittenBundle:
    """The final name, then the sidecar, then latest.json, each durable before the next. Raises OSError."""
    failpoint("export.part_written")
    written = publish(part)
    failpoint("export.named")
    write_sidecar(written)
    failpoint("export.sidecar_written")
    write_latest(written)
    failpoint("export.published")
    return written


def complete_batch(
    *,
    run: ExportRun,
    batch: ExportBatch,
    written: WrittenBundle,
    outcome: Outcome = "written",
) -> None:
    """T2: the bundle is there, a log's rows are exported, a state's older bundles replaced, and the audit knows."""
    at = clock.now()
    with transaction.atomic(durable=True):
        batch.status = ExportStatus.COMPLETED
        batch.completed_at = at
        batch.digest = written.digest
        batch.box_key = written.header.box_key
        batch.signer = written.header.signer
        batch.file_path = str(written.path)
        batch.file_size_bytes = written.size
        batch.checksum = written.checksum
        batch.record_count = written.record_count
        batch.save(update_fields=_WRITTEN)
        if batch.mode == BundleMode.BATCH:
            mark_rows_exported(batch, at)
        else:
            older = ExportBatch.objects.filter(
                batch_type=batch.batch_type,
                status=ExportStatus.COMPLETED,
                superseded_at=None,
                seq__lt=batch.seq,
            )
            older.update(superseded_at=at)
        record(
            action="bundle.exported",
            actor=run.actor,
            resource_type="export_batch",
            resource_id=str(batch.id),
            metadata={"stream": batch.batch_type, "seq": batch.seq, "records": batch.record_count, "outcome": outcome},
        )
        failpoint("export.completing")
    failpoint("export.completed")
    run.done.append(describe_export(batch, outcome))


def fail_batch(*, run: ExportRun, batch: ExportBatch, reason: str) -> ExportOutcome:
    """What is there goes, and a log's rows are pending again, to travel under a new batch id.

    What can't go (the disk is read-only now) keeps no row here: its place stays noted, and the next export that can
    removes it. Should a copier take it meanwhile, the other site knows the records when they come again.
    """
    path = run.folder / batch.filename
    try:
        remove_written(path)
        batch.file_path = ""
    except OSError as error:
        log.warning("failed bundle can't be removed yet", file=str(path), error=str(error))
    failpoint("export.failing")
    with transaction.atomic(durable=True):
        batch.status = ExportStatus.FAILED
        batch.error_message = reason
        batch.save(update_fields=["status", "error_message", "file_path"])
        requeue_rows(batch)
        record(
            action="bundle.export_failed",
            actor=run.actor,
            resource_type="export_batch",
            resource_id=str(batch.id),
            metadata={"stream": batch.batch_type, "seq": batch.seq, "reason": reason},
        )
    log.warning("export failed", stream=batch.batch_type, batch_id=str(batch.id), reason=reason)
    return describe_export(batch, "failed")


def describe_export(batch: ExportBatch, outcome: Outcome) -> ExportOutcome:
    """The batch as a row of the command's table."""
    return ExportOutcome(
        stream=batch.batch_type,
        outcome=outcome,
        batch_id=batch.id,
        seq=batch.seq,
        mode=batch.mode,
        record_count=batch.record_count,
        file=batch.filename,
        file_size=batch.file_size_bytes or 0,
    )
