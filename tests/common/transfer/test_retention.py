"""Files go a week after they are of no use; what the other site may still need stays."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from common_apps.audit.actors import SYSTEM
from common_apps.audit.models import AuditLog
from common_apps.core import failpoints
from common_apps.transfer.bundle import records
from common_apps.transfer.folders import site_folders
from common_apps.transfer.models import ExportBatch, ImportBatch
from common_apps.transfer.selectors import locate_bundle
from common_apps.transfer.services import export_stream, scan_imports
from common_apps.transfer.services.retention import FILE_DAYS, Pruned, prune_files
from tests.common.transfer.kit import NOON, Peer, RowsReceiver, RowsSender, log_line, pass_days


def _confirmed(sender: RowsSender, peer: Peer) -> ExportBatch:
    sender.add()
    (outcome,) = export_stream(stream=sender.stream, actor=SYSTEM)
    peer.tell(records.Applied(stream=sender.stream, batch_ids=[str(outcome.batch_id)]))  # type: ignore[arg-type]
    assert [each.outcome for each in scan_imports(actor=SYSTEM)] == ["completed"]
    return ExportBatch.objects.get(pk=outcome.batch_id)


def test_confirmed_bundle_leaves_the_archive_when_a_week_has_passed(sender: RowsSender, peer: Peer) -> None:
    batch = _confirmed(sender, peer)
    pass_days(FILE_DAYS - 1)
    assert prune_files(actor=SYSTEM) == Pruned(exports=0, imports=0)
    assert locate_bundle(batch) is not None
    pass_days(1)
    # The holdings that confirmed it are as old: their copy goes, too.
    assert prune_files(actor=SYSTEM) == Pruned(exports=1, imports=1)
    batch.refresh_from_db()
    assert locate_bundle(batch) is None
    assert batch.pruned_at is not None
    assert list(site_folders().imported.iterdir()) == []
    assert AuditLog.objects.filter(action="bundle.files_pruned").count() == 1
    assert prune_files(actor=SYSTEM) == Pruned(exports=0, imports=0)


def test_rows_travel_anew_when_the_peer_loses_a_bundle_whose_file_is_pruned(sender: RowsSender, peer: Peer) -> None:
    batch = _confirmed(sender, peer)
    pass_days(FILE_DAYS)
    prune_files(actor=SYSTEM)
    peer.tell(seq=10)
    assert [each.outcome for each in scan_imports(actor=SYSTEM)] == ["completed"]
    batch.refresh_from_db()
    assert batch.superseded_at is not None
    assert set(sender.states().values()) == {"pending"}


def test_unconfirmed_and_held_bundles_stay_however_old_they_are(sender: RowsSender, peer: Peer) -> None:
    sender.add()
    (waiting,) = export_stream(stream=sender.stream, actor=SYSTEM)
    sender.add()
    (held,) = export_stream(stream=sender.stream, actor=SYSTEM)
    peer.tell(
        records.Batch(
            stream=sender.stream,  # type: ignore[arg-type]
            batch_id=held.batch_id,
            outcome="held",
            code="bad_record",
            records=[],
        )
    )
    scan_imports(actor=SYSTEM)
    pass_days(400)
    prune_files(actor=SYSTEM)
    for outcome in (waiting, held):
        assert locate_bundle(ExportBatch.objects.get(pk=outcome.batch_id)) is not None


def test_newest_state_stays_when_it_was_confirmed_long_ago(peer: Peer, settings: Any, tables: None) -> None:
    export_stream(stream="holdings", actor=SYSTEM)
    newest = ExportBatch.objects.get(batch_type="holdings")
    ExportBatch.objects.filter(pk=newest.pk).update(confirmed_at=NOON, confirmed_day=0)
    pass_days(400)
    assert prune_files(actor=SYSTEM).exports == 0
    assert locate_bundle(newest) is not None


def test_quarantined_file_stays_when_an_applied_one_goes(receiver: RowsReceiver, peer: Peer, received: str) -> None:
    peer.write(received, [log_line(received)])
    torn = peer.write(received, [log_line(received)])
    torn.path.write_bytes(torn.path.read_bytes()[:-1])
    scan_imports(actor=SYSTEM, patient=False)
    pass_days(FILE_DAYS)
    assert prune_files(actor=SYSTEM).imports == 1
    assert ImportBatch.objects.filter(status="failed").count() == 1
    assert len(list(site_folders().quarantine.glob("*.enc"))) == 1


def test_applied_copy_stays_a_week_from_the_day_it_came_again(
    receiver: RowsReceiver, peer: Peer, received: str
) -> None:
    written = peer.write(received, [log_line(received)])
    content, sidecar = written.path.read_bytes(), written.path.with_name(f"{written.path.name}.meta.json").read_bytes()
    scan_imports(actor=SYSTEM)
    pass_days(FILE_DAYS)
    written.path.write_bytes(content)
    written.path.with_name(f"{written.path.name}.meta.json").write_bytes(sidecar)
    assert [each.outcome for each in scan_imports(actor=SYSTEM)] == ["duplicate"]
    assert prune_files(actor=SYSTEM).imports == 0
    pass_days(FILE_DAYS)
    assert prune_files(actor=SYSTEM).imports == 1


def test_nothing_is_pruned_when_the_clock_jumps_ten_years(sender: RowsSender, peer: Peer) -> None:
    batch = _confirmed(sender, peer)
    with time_machine.travel(NOON + timedelta(days=3650), tick=False):
        assert prune_files(actor=SYSTEM).exports == 0
    assert locate_bundle(batch) is not None


@pytest.mark.parametrize("point", ["retention.export_removed", "retention.import_removed"])
def test_pruning_goes_on_when_it_was_broken_off(sender: RowsSender, peer: Peer, point: str) -> None:
    batch = _confirmed(sender, peer)
    pass_days(FILE_DAYS)
    failpoints.arm(f"{point}=crash")
    with pytest.raises(failpoints.Crash):
        prune_files(actor=SYSTEM)
    assert failpoints.armed() == []
    prune_files(actor=SYSTEM)
    batch.refresh_from_db()
    assert batch.pruned_at is not None
    assert list(site_folders().imported.iterdir()) == []
    assert prune_files(actor=SYSTEM) == Pruned(exports=0, imports=0)
