"""What the peer's holdings say of each own state: which bundle is applied there, and which was refused."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from common_apps.transfer.choices import STATE_MODES, ExportStatus
from common_apps.transfer.models import ExportBatch, HeardState
from common_apps.transfer.selectors import newest_state_bundle
from common_apps.transfer.services.alarms import tell_no_longer_refused_by_peer, tell_refused_by_peer


def judge_states(*, at: datetime, day: int) -> int:
    """Dates the bundles that are listed; takes the newest's date away where it is listed no more. How many changed."""
    changed = 0
    for heard in HeardState.objects.all():
        bundles = ExportBatch.objects.filter(
            batch_type=heard.stream, status=ExportStatus.COMPLETED, mode__in=STATE_MODES
        )
        changed += bundles.filter(pk__in=_named(heard.batch_id), confirmed_at=None).update(
            confirmed_at=at, confirmed_day=day, held_at=None, peer_code=""
        )
        newly_held = bundles.filter(pk__in=_named(heard.refused_batch_id), held_at=None)
        if newly_held.update(held_at=at, peer_code=heard.refused_code):
            changed += 1
            tell_refused_by_peer(stream=heard.stream, code=heard.refused_code)
        if heard.refused_batch_id is None:
            tell_no_longer_refused_by_peer(heard.stream)
        changed += _miss(heard, at)
    return changed


def _miss(heard: HeardState, at: datetime) -> int:
    """The newest was listed once and is no more: the peer has lost it, and it has to go again."""
    newest = newest_state_bundle(heard.stream)
    if newest is None or newest.superseded_at is not None:
        return 0
    lost = newest.confirmed_at is not None and newest.pk != heard.batch_id
    let_go = newest.held_at is not None and newest.pk != heard.refused_batch_id
    if not lost and not let_go:
        return 0
    if lost and newest.pruned_at is not None:
        # Its file is gone: a new version is written instead.
        newest.superseded_at = at
    elif lost:
        newest.confirmed_at = newest.confirmed_day = None
    if let_go:
        newest.held_at = None
        newest.peer_code = ""
    newest.save(update_fields=["superseded_at", "confirmed_at", "confirmed_day", "held_at", "peer_code"])
    return 1


def _named(batch_id: UUID | None) -> list[UUID]:
    return [] if batch_id is None else [batch_id]
