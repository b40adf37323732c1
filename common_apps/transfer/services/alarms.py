"""What the operators are told of bundles, and when it is over. In the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.conf import settings

from common_apps.core.alerts import end_alert, raise_alert
from common_apps.transfer.alerts import (
    BATCH_CONFLICT,
    HELD_BY_PEER,
    HELD_HERE,
    MASS_REMOVAL,
    RECORD_CONFLICT,
    REFUSED_BY_PEER,
    SITE_ROLLED_BACK,
)
from common_apps.transfer.bundle.errors import Code, describe
from common_apps.transfer.models import ExportBatch, ImportBatch

_SHOWN = 20


def tell_quarantined(row: ImportBatch) -> None:
    """A bundle that is held, or whose id is known with other bytes. Of what was never authentic the quarantine's list
    tells: whoever can write to a stick must not be able to ring a bell.
    """
    facts = {"stream": row.batch_type, "seq": row.seq, "code": row.code, "file": row.filename}
    subject = str(row.source_batch_id)
    if row.code == Code.BATCH_CONFLICT:
        raise_alert(code=BATCH_CONFLICT, subject=subject, detail=row.error_message, facts=facts)
    elif row.held_at is not None:
        code = MASS_REMOVAL if row.code == Code.MASS_REMOVAL else HELD_HERE
        raise_alert(code=code, subject=subject, detail=f"{row.filename}: {row.error_message}", facts=facts)


def tell_no_longer_held(batch_id: UUID | None) -> None:
    """It was released, discarded, forgotten, or something newer was applied."""
    for code in (HELD_HERE, MASS_REMOVAL):
        end_alert(code=code, subject=str(batch_id))


def tell_conflicts(*, batch_id: UUID, stream: str, ids: Sequence[str]) -> None:
    """Records of the bundle (ours or the peer's) are known where it was applied, with another content."""
    raise_alert(
        code=RECORD_CONFLICT,
        subject=str(batch_id),
        detail=f"{len(ids)} record(s) of {stream} were set aside: {', '.join(ids[:_SHOWN])}",
        facts={"stream": stream, "records": len(ids)},
    )


def tell_held_by_peer(batch: ExportBatch) -> None:
    """The peer holds a log bundle of ours."""
    raise_alert(
        code=HELD_BY_PEER,
        subject=str(batch.id),
        detail=f"{batch.batch_type} {batch.seq}, {batch.record_count} records: {_why(batch.peer_code)}",
        facts={"stream": batch.batch_type, "seq": batch.seq, "code": batch.peer_code},
    )


def tell_no_longer_held_by_peer(batch: ExportBatch) -> None:
    """Released or discarded there, or it travels anew."""
    end_alert(code=HELD_BY_PEER, subject=str(batch.id))


def tell_refused_by_peer(*, stream: str, code: str) -> None:
    """The peer refuses the newest version of a state; of a delta without its base a snapshot is the answer, unasked."""
    if code != Code.MISSING_BASE:
        raise_alert(
            code=REFUSED_BY_PEER,
            subject=stream,
            detail=f"{stream}: {_why(code)}",
            facts={"stream": stream, "code": code},
        )


def tell_no_longer_refused_by_peer(stream: str) -> None:
    """It was released, or a newer version is applied."""
    end_alert(code=REFUSED_BY_PEER, subject=stream)


def tell_rolled_back(*, detail: str, **counts: int) -> None:
    """This site was put back from a backup; ``counts`` (how many of what were unknown, or came back) add up.

    It is noticed in several ways, by the command that did it, by what the peer has heard, and by what it lists: until
    somebody has acknowledged it, that is one event.
    """
    raise_alert(code=SITE_ROLLED_BACK, subject=settings.SITE, detail=detail, facts=counts, is_again=False)


def _why(code: str) -> str:
    """What the peer's code says; a newer site may have codes that are not known here."""
    return f"{code}. {describe(code).meaning}" if code in set(Code) else code
