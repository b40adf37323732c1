"""A bundle of requests that the response site holds: released there, or discarded."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from common_apps.audit.actors import SYSTEM
from common_apps.audit.models import AuditLog
from common_apps.core.ids import new_id
from common_apps.transfer.bundle import records
from common_apps.transfer.models import ExportBatch
from common_apps.transfer.selectors import bundles_to_carry
from common_apps.transfer.services import export_stream, scan_imports
from common_apps.transfer.services.overview import read_overview
from request_site.submissions.models import Request
from tests.common.transfer.kit import Peer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def held(peer: Peer) -> ExportBatch:
    """Carried, and held there."""
    params = {"index": "contracts", "query": {"match": {"title": "flood"}}}
    Request.objects.create(
        user_id=new_id(), query_type="match", query_params=params, created_at=datetime(2026, 11, 23, tzinfo=UTC)
    )
    (outcome,) = export_stream(stream="requests", actor=SYSTEM)
    batch = ExportBatch.objects.get(pk=outcome.batch_id)
    assert batch in bundles_to_carry()
    _hear(peer, batch, "held")
    return batch


def _hear(peer: Peer, batch: ExportBatch, outcome: str) -> None:
    if outcome == "applied":
        peer.tell(records.Applied(stream="requests", batch_ids=[str(batch.pk)]))
    else:
        told = records.Batch(stream="requests", batch_id=batch.pk, outcome=outcome, code="bad_record", records=[])
        peer.tell(told)
    assert [each.outcome for each in scan_imports(actor=SYSTEM)] == ["completed"]
    batch.refresh_from_db()


def test_held_bundle_is_not_carried_and_the_operators_are_told(held: ExportBatch) -> None:
    assert (held.held_at is not None, held.peer_code) == (True, "bad_record")
    assert held not in bundles_to_carry() and Request.objects.get().status == "exported"
    told = read_overview().held_there
    assert (told.bundles, told.records, told.by_code) == (1, 1, {"bad_record": 1})
    assert AuditLog.objects.filter(action="bundle.held_by_peer", resource_id=str(held.pk)).exists()


def test_requests_are_under_way_when_the_bundle_is_released_there(held: ExportBatch, peer: Peer) -> None:
    _hear(peer, held, "applied")
    assert held.confirmed_at is not None and (held.held_at, held.peer_code) == (None, "")
    assert Request.objects.get().status == "processing"
    assert read_overview().held_there.bundles == 0


def test_requests_fail_with_the_code_when_the_bundle_is_discarded_there(held: ExportBatch, peer: Peer) -> None:
    _hear(peer, held, "discarded")
    assert held.ended_at is not None and held.held_at is None and held not in bundles_to_carry()
    request = Request.objects.get()
    assert (request.status, request.error_code) == ("failed", "bad_record")
    assert read_overview().held_there.bundles == 0
    # It is never judged again.
    peer.tell()
    scan_imports(actor=SYSTEM)
    assert Request.objects.get().status == "failed" and held not in bundles_to_carry()
