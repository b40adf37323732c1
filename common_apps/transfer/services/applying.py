"""Step 8: one transaction for the rows, the holdings heeded, the audit and the bundle's row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import structlog
from django.db import DataError, IntegrityError, transaction

from common_apps.audit.actors import Actor
from common_apps.audit.services import record
from common_apps.core.failpoints import failpoint
from common_apps.core.outages import OUTAGES
from common_apps.transfer.bundle.errors import BundleError, Code
from common_apps.transfer.bundle.header import Header
from common_apps.transfer.bundle.records import Record
from common_apps.transfer.choices import ImportStatus
from common_apps.transfer.folders import Folders
from common_apps.transfer.models import ImportBatch
from common_apps.transfer.registry import Applied, log_receivers
from common_apps.transfer.services.alarms import tell_conflicts
from common_apps.transfer.services.applying_states import enter_state
from common_apps.transfer.services.met import ImportOutcome, Met
from common_apps.transfer.services.settling import describe_import, write_row
from common_apps.transfer.services.transactions import try_again

log = structlog.get_logger("transfer.import")


def apply_bundle(
    *,
    met: Met,
    header: Header,
    payload: Callable[[], Iterator[Record]],
    folders: Folders,
    actor: Actor,
    allow_mass_removal: bool = False,
) -> tuple[ImportOutcome, Callable[[], None]]:
    """Enters the bundle, and gives what has to be called now that it is committed (it wakes whoever comes next).

    ``payload`` reads the validated records from the beginning each time. ``allow_mass_removal``: an operator has
    released it. Raises BundleError bad_record where the database refuses what a record says, missing_base and
    mass_removal of a state; OperationalError when it is down: then nothing was changed.
    """
    place = str(folders.imported / f"{met.measured.checksum}.enc") if met.measured else ""

    def enter() -> tuple[ImportBatch, Callable[[], None]]:
        with transaction.atomic(durable=True):
            row, _ = write_row(met, status=ImportStatus.PROCESSING, file_path=place)
            if header.kind == "log":
                wake = _enter_log(row, met, payload)
            else:
                wake = enter_state(row, met=met, header=header, payload=payload, allow_mass_removal=allow_mass_removal)
            row.status = ImportStatus.COMPLETED
            row.processed_at = met.at
            row.save(update_fields=["status", "processed_at", "code", "metadata"])
            record(
                action="bundle.released" if met.candidate.released else "bundle.imported",
                actor=actor,
                resource_type="import_batch",
                resource_id=str(row.id),
                metadata={
                    "stream": header.stream,
                    "batch_id": str(header.batch_id),
                    "seq": header.seq,
                    "records": header.record_count,
                    "code": row.code,
                },
            )
            failpoint("import.entering")
        return row, wake

    try:
        row, wake = try_again(enter)
    except (IntegrityError, DataError) as error:
        reason = f"the database refuses it: {str(error).splitlines()[0]}"
        if header.mode == "delta":
            # Two users of one name, say: without its base even a sound delta may not fit. A snapshot shows which it is.
            raise BundleError(Code.MISSING_BASE, reason) from error
        # Whatever the checks let through and the database does not: it stands in the signed bytes.
        raise BundleError(Code.BAD_RECORD, reason) from error
    failpoint("import.committed")
    return describe_import(met, "completed", row.code), lambda: _wake(wake)


def _enter_log(row: ImportBatch, met: Met, payload: Callable[[], Iterator[Record]]) -> Callable[[], None]:
    receiver = log_receivers[row.batch_type]
    # In the order of their ids, so that two importers can't wait for each other.
    records = sorted(payload(), key=_id_of)
    applied: Applied = receiver.apply(records, import_batch_id=row.id, at=met.at)
    row.code = Code.RECORD_CONFLICT.value if applied.conflicts else None
    row.metadata = {"applied": applied.applied, "known": applied.known}
    if applied.conflicts:
        row.metadata["conflicts"] = [str(each) for each in applied.conflicts]
        if row.source_batch_id is not None:
            tell_conflicts(batch_id=row.source_batch_id, stream=row.batch_type, ids=row.metadata["conflicts"])
    return lambda: receiver.after_commit(applied)


def _id_of(each: Any) -> str:
    return str(each.id)


def _wake(wake: Callable[[], None]) -> None:
    try:
        wake()
    except OUTAGES as error:
        # What was not woken is found by the next sweep; the bundle is applied all the same.
        log.warning("nobody could be woken", error=str(error))
