"""Step 8 of a state: a snapshot replaces what is here, a delta has to lead to what the other site has."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from common_apps.transfer.bundle.codec import lines_in_schema, snapshot_digest
from common_apps.transfer.bundle.errors import BundleError, Code
from common_apps.transfer.bundle.header import Header
from common_apps.transfer.bundle.records import Record
from common_apps.transfer.models import AppliedState, ImportBatch
from common_apps.transfer.registry import Deactivated, DeltaReceiver, GuardedReceiver, StateReceiver, state_receivers
from common_apps.transfer.selectors import held_bundles
from common_apps.transfer.services.alarms import tell_no_longer_held
from common_apps.transfer.services.met import Met

# Of fewer active records any number may be deactivated unasked.
_MASS = 10


def enter_state(
    row: ImportBatch,
    *,
    met: Met,
    header: Header,
    payload: Callable[[], Iterator[Record]],
    allow_mass_removal: bool,
) -> Callable[[], None]:
    """In the caller's transaction; gives what has to be called once it has committed.

    Raises BundleError missing_base where a delta doesn't lead to the digest of its header, and mass_removal where more
    than half of ten or more active records would be deactivated: the caller rolls back.
    """
    receiver = state_receivers[header.stream]
    if isinstance(receiver, GuardedReceiver) and not allow_mass_removal:
        with receiver.watch_active() as count:
            changed = _apply(receiver, row, met, header, payload)
            _refuse_mass_removal(count(), header.stream)
    else:
        changed = _apply(receiver, row, met, header, payload)
    row.metadata = {"changed": changed}
    state, _ = AppliedState.objects.get_or_create(stream=header.stream)
    state.seq = header.seq
    state.batch_id = header.batch_id
    state.digest = header.digest
    state.applied_at = met.at
    # Older versions that are held can't be released any more: nobody need look at them.
    for older in held_bundles().filter(batch_type=header.stream, seq__lte=header.seq):
        tell_no_longer_held(older.source_batch_id)
    if state.refused_seq is not None and state.refused_seq <= header.seq:
        tell_no_longer_held(state.refused_batch_id)
        state.refused_seq = state.refused_batch_id = None
        state.refused_code = ""
    state.save()
    return lambda: receiver.after_commit(changed)


def _refuse_mass_removal(found: Deactivated, stream: str) -> None:
    if found.before >= _MASS and found.gone * 2 > found.before:
        raise BundleError(Code.MASS_REMOVAL, f"it would deactivate {found.gone} of {found.before} active {stream}")


def _apply(
    receiver: StateReceiver, row: ImportBatch, met: Met, header: Header, payload: Callable[[], Iterator[Record]]
) -> int:
    if header.mode == "snapshot":
        # Its payload was found to have the header's digest when it was read through.
        return receiver.apply_snapshot(payload(), import_batch_id=row.id, at=met.at)
    if not isinstance(receiver, DeltaReceiver):
        raise BundleError(Code.MISSING_BASE, f"deltas of {header.stream} are not read here")
    changed = receiver.apply_delta(payload(), import_batch_id=row.id, at=met.at)
    if snapshot_digest(lines_in_schema(header.stream, receiver.lines(), header.schema)) != header.digest:
        raise BundleError(Code.MISSING_BASE, "with it, what is here is not what the other site has")
    return changed
