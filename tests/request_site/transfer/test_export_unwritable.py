"""A request that no bundle can hold fails with a code, and the others of its batch go."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from common_apps.audit.actors import SYSTEM
from common_apps.core.ids import new_id
from common_apps.transfer.models import ExportBatch
from common_apps.transfer.services import export_stream
from request_site.submissions.models import Cancellation, Request
from tests.common.transfer.kit import NOON, Peer

PARAMS = {"index": "contracts", "query": {"match": {"title": "flood"}}}


def _ask(number: int, params: dict[str, Any]) -> Request:
    return Request.objects.create(
        user_id=new_id(), query_type="match", query_params=params, created_at=NOON + timedelta(seconds=number)
    )


@pytest.mark.django_db(transaction=True)
def test_request_fails_and_the_others_go_when_no_bundle_can_hold_it(peer: Peer) -> None:
    # Past the API, which refuses parameters of this size.
    sound = [_ask(0, PARAMS), _ask(2, PARAMS)]
    poison = _ask(1, PARAMS | {"_source": ["x" * 70_000]})
    (outcome,) = export_stream(stream="requests", actor=SYSTEM)
    _, lines = peer.read(Path(ExportBatch.objects.get(pk=outcome.batch_id).file_path))
    assert {each.id for each in lines} == {each.pk for each in sound}
    poison.refresh_from_db()
    assert (poison.status, poison.error_code) == ("failed", "bad_record")
    assert ExportBatch.objects.get(status="failed").error_message.startswith("BundleError: ")
    assert export_stream(stream="requests", actor=SYSTEM) == []


@pytest.mark.django_db(transaction=True)
def test_cancellation_ends_and_the_others_go_when_no_bundle_can_hold_it(peer: Peer) -> None:
    asked = [_ask(number, PARAMS) for number in range(2)]
    export_stream(stream="requests", actor=SYSTEM)
    wishes = [Cancellation.objects.create(request=request, user_id=request.user_id, asked_at=NOON) for request in asked]
    with connection.cursor() as cursor:
        # A year that no wire time can tell.
        cursor.execute("UPDATE request_cancellations SET asked_at = '12026-01-01Z' WHERE id = %s", [wishes[0].pk])
    (outcome,) = export_stream(stream="requests", actor=SYSTEM)
    _, lines = peer.read(Path(ExportBatch.objects.get(pk=outcome.batch_id).file_path))
    assert [each.id for each in lines] == [wishes[1].pk]
    assert dict(Cancellation.objects.values_list("pk", "status")) == {wishes[0].pk: "ended", wishes[1].pk: "exported"}
    assert set(Request.objects.values_list("status", flat=True)) == {"exported"}
    assert export_stream(stream="requests", actor=SYSTEM) == []
