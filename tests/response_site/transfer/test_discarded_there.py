"""A bundle of answers that the request site holds: released there, or discarded, and then answered anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.conf import settings

from common_apps.audit.actors import SYSTEM
from common_apps.transfer.bundle import records
from common_apps.transfer.bundle.codec import encode_record
from common_apps.transfer.models import ExportBatch
from common_apps.transfer.selectors import bundles_to_carry
from common_apps.transfer.services import export_stream, scan_imports
from response_site.execution.models import IncomingRequest, QueryResult
from response_site.execution.services.drain import drain
from tests.common.transfer.kit import Peer, request_record

pytestmark = pytest.mark.django_db(transaction=True)


def _sent(peer: Peer) -> tuple[ExportBatch, list[Any]]:
    (outcome,) = export_stream(stream="results", actor=SYSTEM)
    _, lines = peer.read(Path(settings.EXPORT_DIR) / "results" / outcome.file)
    return ExportBatch.objects.get(pk=outcome.batch_id), lines


def _hear(peer: Peer, batch: ExportBatch, told: records.Record) -> None:
    peer.tell(told)
    assert [each.outcome for each in scan_imports(actor=SYSTEM)] == ["completed"]
    batch.refresh_from_db()


def _worded(batch: ExportBatch, outcome: Any) -> records.Batch:
    return records.Batch(stream="results", batch_id=batch.pk, outcome=outcome, code="bad_record", records=[])


@pytest.fixture
def held(peer: Peer) -> tuple[ExportBatch, Any]:
    """An answer (that its asker is unknown), carried, and held there."""
    asked = request_record()
    peer.write("requests", [encode_record(asked)])
    assert [each.outcome for each in scan_imports(actor=SYSTEM)] == ["completed"]
    drain(worker="one")
    assert IncomingRequest.objects.get().status == "failed"
    batch, (answer,) = _sent(peer)
    _hear(peer, batch, _worded(batch, "held"))
    assert batch.held_at is not None and batch not in bundles_to_carry()
    return batch, answer


def test_answer_is_confirmed_when_its_bundle_is_released_there(held: tuple[ExportBatch, Any], peer: Peer) -> None:
    batch, _ = held
    _hear(peer, batch, records.Applied(stream="results", batch_ids=[str(batch.pk)]))
    assert batch.confirmed_at is not None and batch.held_at is None
    assert QueryResult.objects.get().delivery == "confirmed"
    assert export_stream(stream="results", actor=SYSTEM) == []


def test_answer_goes_anew_as_a_failure_when_its_bundle_is_discarded_there(
    held: tuple[ExportBatch, Any], peer: Peer
) -> None:
    batch, answer = held
    _hear(peer, batch, _worded(batch, "discarded"))
    assert batch.ended_at is not None and batch not in bundles_to_carry()
    anew, (failure,) = _sent(peer)
    assert anew in bundles_to_carry() and failure.id != answer.id
    assert (failure.request_id, failure.status) == (answer.request_id, "failed")
    assert msgspec.json.decode(failure.result)["code"] == "answer_discarded"
    _hear(peer, anew, records.Applied(stream="results", batch_ids=[str(anew.pk)]))
    assert anew.confirmed_at is not None
