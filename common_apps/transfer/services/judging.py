"""The sender's table: what becomes of each own log bundle, by what the peer's holdings list.

the list says   it was unconfirmed             it was confirmed
applied         confirmed                      -
held            not carried; operators told    the same
discarded       ended                          the same
nothing         carried again, same bytes      superseded within 60 days, or while a request of it is not answered
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog

from common_apps.audit.actors import SYSTEM
from common_apps.audit.services import record
from common_apps.transfer.bundle.header import Hello
from common_apps.transfer.folders import Folders, site_folders
from common_apps.transfer.models import ExportBatch
from common_apps.transfer.selectors import locate_bundle
from common_apps.transfer.services.alarms import tell_conflicts, tell_held_by_peer, tell_no_longer_held_by_peer
from common_apps.transfer.services.comparing import Said
from common_apps.transfer.services.files import is_intact, return_to_exports
from common_apps.transfer.services.peer import heard_hello, is_readable_by
from common_apps.transfer.services.rows import confirm_rows, end_rows, has_unanswered_rows, requeue_rows

log = structlog.get_logger("transfer.holdings")

# 30 days for the age of a backup that the peer puts back, 30 for the way.
KEPT_DAYS = 60


def judge_bundles(*, said: dict[UUID, Said], at: datetime, day: int) -> int:
    """Judges own log bundles that are completed and neither superseded, ended nor settled; how many changed.

    In the caller's transaction, under the locks of all exporters.
    """
    hello, folders = heard_hello(), site_folders()
    changed = 0
    batches = ExportBatch.objects.in_bulk(list(said))
    for batch_id in sorted(said):
        batch, word = batches[batch_id], said[batch_id]
        was_held = batch.held_at is not None
        if word.outcome == "applied":
            changed += _confirm(batch, word, at, day)
        elif word.outcome == "held":
            changed += _hold(batch, word, at)
        elif word.outcome == "discarded":
            changed += _end(batch, word, at)
        elif batch.confirmed_at is None:
            changed += _carry_again(batch, hello, folders, at)
        else:
            changed += _miss(batch, at, day)
        if was_held and batch.held_at is None:
            tell_no_longer_held_by_peer(batch)
    return changed


def _confirm(batch: ExportBatch, word: Said, at: datetime, day: int) -> int:
    batch.held_at = None
    batch.peer_code = word.code
    first = batch.confirmed_at is None
    if first:
        batch.confirmed_at = at
        batch.confirmed_day = day
    batch.save(update_fields=["held_at", "peer_code", "confirmed_at", "confirmed_day"])
    if first:
        confirm_rows(batch, conflicts=word.records, at=at)
        if word.records:
            tell_conflicts(batch_id=batch.id, stream=batch.batch_type, ids=word.records)
    return 1


def _hold(batch: ExportBatch, word: Said, at: datetime) -> int:
    batch.held_at = at
    batch.peer_code = word.code
    batch.save(update_fields=["held_at", "peer_code"])
    tell_held_by_peer(batch)
    _audit("bundle.held_by_peer", batch)
    return 1


def _end(batch: ExportBatch, word: Said, at: datetime) -> int:
    batch.held_at = None
    batch.ended_at = at
    batch.peer_code = word.code
    batch.save(update_fields=["held_at", "ended_at", "peer_code"])
    end_rows(batch, code=word.code, at=at)
    _audit("bundle.discarded_by_peer", batch)
    return 1


def _carry_again(batch: ExportBatch, hello: Hello | None, folders: Folders, at: datetime) -> int:
    """Unconfirmed and not listed: the same bytes go again, unless nobody there could read them, or they are lost."""
    if hello is not None and not is_readable_by(hello, batch):
        return _supersede(batch, "the other site can't read or believe it any more", at)
    if not is_intact(batch, folders):
        return _supersede(batch, "its file is lost or damaged", at)
    path = locate_bundle(batch, folders)
    if path is not None:
        return_to_exports(path, folders, batch)
    if batch.held_at is None:
        return 0
    # Held there once, and forgotten: it comes again.
    batch.held_at = None
    batch.peer_code = ""
    batch.save(update_fields=["held_at", "peer_code"])
    return 1


def _miss(batch: ExportBatch, at: datetime, day: int) -> int:
    """Confirmed once, and no longer listed: the peer has lost it, or it is old enough not to be listed any more."""
    recent = batch.confirmed_day is not None and day - batch.confirmed_day < KEPT_DAYS
    if recent or has_unanswered_rows(batch):
        return _supersede(batch, "the other site no longer lists it", at)
    batch.settled_at = at
    # It is never judged again: what was said of it must not stand for ever.
    batch.held_at = None
    batch.save(update_fields=["settled_at", "held_at"])
    return 1


def _supersede(batch: ExportBatch, reason: str, at: datetime) -> int:
    batch.superseded_at = at
    batch.held_at = None
    batch.error_message = reason
    batch.save(update_fields=["superseded_at", "held_at", "error_message"])
    requeue_rows(batch)
    log.info("bundle superseded", batch_id=str(batch.id), stream=batch.batch_type, reason=reason)
    _audit("bundle.superseded", batch)
    return 1


def _audit(action: str, batch: ExportBatch) -> None:
    record(
        action=action,
        actor=SYSTEM,
        resource_type="export_batch",
        resource_id=str(batch.id),
        metadata={
            "stream": batch.batch_type,
            "seq": batch.seq,
            "code": batch.peer_code,
            "reason": batch.error_message,
        },
    )
