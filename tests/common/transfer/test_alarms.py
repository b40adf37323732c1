"""What rings for the operators, and what does not."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from common_apps.audit.actors import SYSTEM
from common_apps.core.ids import new_id
from common_apps.operations.models import Alert
from common_apps.transfer.bundle import records
from common_apps.transfer.models import ExportBatch
from common_apps.transfer.services import export_stream, scan_imports
from tests.common.transfer.kit import Peer, RowsReceiver, RowsSender, log_line, scan
from tests.common.transfer.test_import_log import _write_unsound

pytestmark = pytest.mark.django_db(transaction=True)


def _open() -> dict[str, Alert]:
    return {alert.code: alert for alert in Alert.objects.filter(ended_at=None)}


def test_nothing_rings_when_a_bundle_comes_doubled_late_or_damaged(
    receiver: RowsReceiver, peer: Peer, received: str, sender: RowsSender, sent: str, settings: Any
) -> None:
    first = peer.write(received, [log_line(received)])
    copy = settings.DATA_DIR / first.path.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    for suffix in ("", ".meta.json"):
        shutil.copy(f"{first.path}{suffix}", f"{copy}{suffix}")
    assert scan() == [("completed", None)]
    for suffix in ("", ".meta.json"):
        shutil.copy(f"{copy}{suffix}", f"{first.path}{suffix}")
    assert scan() == [("duplicate", "duplicate")]
    damaged = peer.write(received, [log_line(received)])
    content = bytearray(damaged.path.read_bytes())
    content[300] ^= 1
    damaged.path.write_bytes(bytes(content))
    (found,) = scan_imports(actor=SYSTEM, patient=False)
    assert found.outcome == "quarantined"
    sender.add()
    (outcome,) = export_stream(stream=sent, actor=SYSTEM)
    peer.tell(seq=20)
    peer.tell(records.Applied(stream=sent, batch_ids=[str(outcome.batch_id)]), seq=10)  # type: ignore[arg-type]  # by name
    assert ("completed", None) in scan()
    assert not Alert.objects.exists()


def test_bell_rings_when_the_same_id_comes_with_other_bytes(receiver: RowsReceiver, peer: Peer, received: str) -> None:
    batch_id = new_id()
    peer.write(received, [log_line(received)], batch_id=batch_id)
    scan()
    peer.write(received, [log_line(received)], batch_id=batch_id)
    assert scan() == [("quarantined", "batch_conflict")]
    alert = _open()["batch_conflict"]
    assert (alert.subject, alert.level, alert.count) == (str(batch_id), "critical", 1)


def test_bell_rings_when_a_known_record_comes_with_another_content(
    receiver: RowsReceiver, peer: Peer, received: str
) -> None:
    record_id = new_id()
    peer.write(received, [log_line(received, record_id)])
    scan()
    other = peer.write(received, [log_line(received, record_id)])
    assert scan() == [("completed", "record_conflict")]
    alert = _open()["record_conflict"]
    assert (alert.subject, alert.facts["records"]) == (str(other.batch_id), 1)
    assert str(record_id) in alert.detail


def test_bell_rings_for_a_held_bundle_until_it_is_forgotten(receiver: RowsReceiver, peer: Peer, received: str) -> None:
    from common_apps.transfer.folders import site_folders
    from common_apps.transfer.services.known import forget_lost_held

    _write_unsound(peer, received)
    assert scan() == [("quarantined", "bad_record")]
    assert _open()["bundle_held"].facts["code"] == "bad_record"
    for path in site_folders().quarantine.iterdir():
        path.unlink()
    assert forget_lost_held(site_folders()) == 1
    assert _open() == {}


@pytest.mark.parametrize("after", ["nothing", "applied", "discarded"])
def test_bell_rings_while_the_other_site_holds_a_bundle(sender: RowsSender, peer: Peer, sent: Any, after: str) -> None:
    sender.add()
    export_stream(stream=sent, actor=SYSTEM)
    batch = ExportBatch.objects.get(batch_type=sent)
    peer.tell(records.Batch(stream=sent, batch_id=batch.id, outcome="held", code="bad_record", records=[]))
    scan()
    assert _open()["bundle_held_by_peer"].subject == str(batch.id)
    peer.tell(records.Batch(stream=sent, batch_id=batch.id, outcome="held", code="bad_record", records=[]))
    scan()
    assert _open()["bundle_held_by_peer"].count == 1
    if after == "applied":
        peer.tell(records.Applied(stream=sent, batch_ids=[str(batch.id)]))
    elif after == "discarded":
        peer.tell(records.Batch(stream=sent, batch_id=batch.id, outcome="discarded", code="bad_record", records=[]))
    else:
        peer.tell()
    scan()
    assert _open() == {}


def test_bell_rings_once_when_the_other_site_lists_what_was_never_written(
    sender: RowsSender, peer: Peer, sent: Any
) -> None:
    listed = records.Applied(stream=sent, batch_ids=[str(new_id()), str(new_id())])
    for _ in range(2):
        peer.tell(listed)
        scan()
    alert = _open()["site_rolled_back"]
    assert (alert.count, alert.facts["unknown_bundles"]) == (1, 2)
