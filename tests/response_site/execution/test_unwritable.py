"""An answer that no bundle can hold goes as a failure; it keeps no other one here."""

import msgspec
import pytest
from django.db import connection

from common_apps.accounts.models import User
from common_apps.audit.actors import SYSTEM
from common_apps.core.ids import new_id
from common_apps.transfer.bundle.errors import BundleError
from common_apps.transfer.models import ExportBatch
from common_apps.transfer.selectors import locate_bundle
from common_apps.transfer.services import export_stream
from response_site.execution.models import QueryResult
from response_site.execution.services.drain import drain
from tests.common.transfer.conftest import folders, peer
from tests.common.transfer.kit import Peer
from tests.response_site.execution.scene import Watched, answer_of, ask, bring

__all__ = ["folders", "peer"]

pytestmark = pytest.mark.django_db(transaction=True)


def test_answer_goes_as_a_failure_and_the_others_as_they_are_when_no_bundle_can_hold_it(
    peer: Peer, asker: User, engine: Watched
) -> None:
    requests = [ask(asker, size=number) for number in range(1, 4)]
    bring(*requests)
    drain(worker="one")
    poison = answer_of(requests[1])
    # No engine of ours answers with a bare list.
    QueryResult.objects.filter(pk=poison.pk).update(result_data=msgspec.Raw(b"[1]"))
    (outcome,) = export_stream(stream="results", actor=SYSTEM)
    path = locate_bundle(ExportBatch.objects.get(pk=outcome.batch_id))
    assert path is not None
    sent = {each.request_id: each for each in peer.read(path)[1]}
    assert [sent[each.id].status for each in requests] == ["completed", "failed", "completed"]
    assert msgspec.json.decode(sent[requests[1].id].result)["code"] == "internal_error"
    assert sent[requests[1].id].id != poison.pk


def test_export_says_so_and_ends_when_not_even_the_failure_can_be_written(
    peer: Peer, asker: User, engine: Watched
) -> None:
    bring(ask(asker))
    drain(worker="one")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE query_results SET metadata = %s, result_data = '[1]', id = %s",
            ['{"unwritable": {"code": "bad_record"}}', new_id()],
        )
    with pytest.raises(BundleError, match="bad_record"):
        export_stream(stream="results", actor=SYSTEM)
    assert QueryResult.objects.get().delivery == "pending"
