"""Writes a state stream: a new version when there is something new to say, or when the newest can't do its work."""

from __future__ import annotations

from typing import Any

import msgspec
from django.db import transaction

from common_apps.core import clock
from common_apps.core.failpoints import failpoint
from common_apps.transfer.bundle.codec import lines_in_schema, snapshot_digest
from common_apps.transfer.bundle.errors import Code
from common_apps.transfer.bundle.header import Hello
from common_apps.transfer.bundle.streams import HOLDINGS, STREAMS
from common_apps.transfer.choices import BundleMode, ExportStatus
from common_apps.transfer.models import ExportBatch, HeardState, Peer
from common_apps.transfer.registry import StateSender
from common_apps.transfer.selectors import locate_bundle, newest_state_bundle, newest_version
from common_apps.transfer.services.deltas import find_delta
from common_apps.transfer.services.export_steps import (
    ExportRun,
    complete_batch,
    draft_batch,
    fail_batch,
    publish_file,
    write_file,
)
from common_apps.transfer.services.files import is_intact, return_to_exports
from common_apps.transfer.services.peer import heard_hello, is_readable_by, own_hello
from common_apps.transfer.services.transactions import repeatable_read, try_again


def export_state(*, run: ExportRun, sender: StateSender, full: bool) -> None:
    """A new bundle, or none where the newest still says it all; ``full``: a snapshot in any case. The caller holds
    the stream's lock.
    """
    hello = own_hello() if run.stream == HOLDINGS else None
    if not full and not _is_due(run, sender, hello):
        return
    try_again(lambda: _export(run, sender, hello, full))


def _export(run: ExportRun, sender: StateSender, hello: Hello | None, full: bool) -> None:
    with transaction.atomic(durable=True):
        batch = draft_batch(run=run, mode=BundleMode.SNAPSHOT, seq=_next_version(run.stream))
        batch.status = ExportStatus.PROCESSING
        if hello is not None:
            batch.metadata = {"hello": _lasting(hello)}
        batch.save(force_insert=True)
    failpoint("export.claimed")
    try:
        head = run.audit_head
        with repeatable_read():
            lines, digest = sender.snapshot(), None
            delta = None if full else find_delta(sender=sender, batch=batch)
            if delta is not None:
                lines, digest = delta.lines, delta.digest
                batch.mode = BundleMode.DELTA
                batch.save(update_fields=["mode"])
            part = write_file(run=run, batch=batch, lines=lines, audit_head=head, hello=hello, digest=digest)
            sender.mark_exported(seq=batch.seq, at=clock.now())
        written = publish_file(part)
    except Exception as error:
        fail_batch(run=run, batch=batch, reason=f"{type(error).__name__}: {error}")
        raise
    complete_batch(run=run, batch=batch, written=written)


def _next_version(stream: str) -> int:
    """Greater than every own one, than what the peer shows, and than the clock says: a restored site is heard at
    once.
    """
    if stream == HOLDINGS:
        shown = Peer.objects.filter(pk=1).values_list("heard", flat=True).first() or 0
    else:
        heard = HeardState.objects.filter(stream=stream).first()
        shown = 0 if heard is None else max(heard.seq, heard.refused_seq or 0)
    return max(newest_version(stream) + 1, int(clock.now().timestamp() * 1000), shown + 1)


def _is_due(run: ExportRun, sender: StateSender, hello: Hello | None) -> bool:
    newest = newest_state_bundle(run.stream)
    if newest is None or newest.superseded_at is not None:
        return True
    with repeatable_read():
        schema = STREAMS[run.stream].schema_for(run.keys.max_schema)
        digest = snapshot_digest(lines_in_schema(run.stream, sender.snapshot(), schema))
    if digest != newest.digest:
        return True
    if hello is not None:
        return _are_holdings_due(run, newest, hello)
    heard = HeardState.objects.filter(stream=run.stream).first()
    if heard is not None:
        listed = ((heard.seq, heard.batch_id), (heard.refused_seq or 0, heard.refused_batch_id))
        if any(seq >= newest.seq and batch_id != newest.id for seq, batch_id in listed):
            return True
        if heard.batch_id == newest.id:
            return False
        if heard.refused_batch_id == newest.id:
            # Refused for another reason, it waits for people, or for something newer.
            return heard.refused_code == Code.MISSING_BASE
    return not _can_be_carried(run, newest)


def _are_holdings_due(run: ExportRun, newest: ExportBatch, hello: Hello) -> bool:
    heard = Peer.objects.filter(pk=1).values_list("heard", flat=True).first() or 0
    if newest.day != run.day or heard > newest.seq or newest.metadata.get("hello") != _lasting(hello):
        return True
    # Also where it was heard: the peer may have read no more of it than its hello.
    return not _can_be_carried(run, newest)


def _can_be_carried(run: ExportRun, newest: ExportBatch) -> bool:
    """Whether the peer can read and believe the newest bundle, as far as can be done about it, and its file is there
    to go (from the archive, if need be) with the bytes that were written.
    """
    hello, keys = heard_hello(), run.keys
    # A peer that trusts no key of this site (yet) would not believe a new bundle either.
    as_now = (keys.recipient.box_key, keys.signing.fingerprint, STREAMS[run.stream].schema_for(keys.max_schema))
    readable = hello is not None and is_readable_by(hello, newest)
    if not readable and (newest.box_key, newest.signer, newest.schema) != as_now:
        return False
    path = locate_bundle(newest, run.folders)
    if path is None or not is_intact(newest, run.folders):
        return False
    return_to_exports(path, run.folders, newest)
    return True


def _lasting(hello: Hello) -> dict[str, Any]:
    """A hello besides ``heard``: what is worth new holdings when it changes."""
    plain: dict[str, Any] = msgspec.to_builtins(hello)
    del plain["heard"]
    return plain
