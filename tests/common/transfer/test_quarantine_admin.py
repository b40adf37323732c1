"""The operators' pages: lists of bundles, decisions on the quarantine and their confirmation, buttons, the banner."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from common_apps.accounts.models import User
from common_apps.audit.actors import SYSTEM
from common_apps.audit.models import AuditLog
from common_apps.core.ids import new_id
from common_apps.transfer import tasks
from common_apps.transfer.bundle.limits import Limits
from common_apps.transfer.bundle.records import Batch, Sent
from common_apps.transfer.models import AppliedState, ImportBatch
from common_apps.transfer.services import export_stream, scan_imports
from common_apps.transfer.services.quarantine import discard
from tests.common.transfer.kit import NOON, Peer, RowsReceiver, RowsSender, log_line
from tests.common.transfer.queue import take_queued
from tests.factories import make_user

IMPORTS = "/admin/transfer/importbatch/"
EXPORTS = "/admin/transfer/exportbatch/"


def _client(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="common_apps.accounts.backends.AccountsBackend")
    return client


def _queued() -> list[tuple[str, dict[str, Any]]]:
    return [(message["task"], message["named"]) for message in take_queued()]


@pytest.fixture(autouse=True)
def empty_queue() -> None:
    _queued()


@pytest.fixture
def admin(transactional_db: None) -> Client:
    return _client(make_user("root", role="admin"))


@pytest.fixture
def operator(transactional_db: None) -> Client:
    return _client(make_user("olga", role="operator"))


@pytest.fixture
def held(peer: Peer, receiver: RowsReceiver, received: str) -> ImportBatch:
    peer.write(received, [log_line(received), log_line(received)])
    scan_imports(actor=SYSTEM, limits=Limits(log_records=1))
    return ImportBatch.objects.get(code="too_many_records")


@pytest.fixture
def refused(peer: Peer, receiver: RowsReceiver, received: str) -> ImportBatch:
    written = peer.write(received, [log_line(received)])
    written.path.with_name(f"{written.filename}.meta.json").write_bytes(b"{}")
    scan_imports(actor=SYSTEM, patient=False)
    return ImportBatch.objects.get(code="sidecar_mismatch")


def _page(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, answer
    return answer.content.decode()


def _ask(client: Client, action: str, *rows: ImportBatch, **more: str) -> Any:
    return client.post(IMPORTS, {"action": action, "_selected_action": [str(row.pk) for row in rows], **more})


# lists and pages


def test_list_tells_state_and_finds_by_id_name_and_checksum(held: ImportBatch, operator: Client) -> None:
    for word in (str(held.pk), str(held.source_batch_id), held.filename, held.checksum[:20]):
        page = _page(operator, f"{IMPORTS}?q={word}")
        assert f"{held.pk}/change/" in page and ">held<" in page
    assert f"{held.pk}/change/" not in _page(operator, f"{IMPORTS}?q={uuid4()}")


def test_list_tells_what_to_do_until_it_was_discarded(held: ImportBatch, operator: Client) -> None:
    cure = "It can be released after an upgrade, or discarded."
    assert cure in _page(operator, f"{IMPORTS}?at=quarantine")
    discard(row_id=held.pk, actor=SYSTEM, reason="no")
    page = _page(operator, f"{IMPORTS}?at=discarded")
    assert f"{held.pk}/change/" in page and cure not in page
    assert cure not in _page(operator, f"{IMPORTS}{held.pk}/change/")


def test_pages_tell_times_by_the_clock_that_file_names_and_logs_have(held: ImportBatch, operator: Client) -> None:
    met = f"{held.created_at:%Y-%m-%d %H:%M:%S} UTC"
    assert met in _page(operator, f"{IMPORTS}{held.pk}/change/")


def test_history_of_a_bundle_is_what_the_audit_log_says_of_it(held: ImportBatch, operator: Client) -> None:
    export_stream(stream="holdings", actor=SYSTEM)
    answer = operator.get(f"{IMPORTS}{held.pk}/history/", follow=True)
    page = answer.content.decode()
    assert answer.status_code == 200 and 'field-action">bundle.quarantined<' in page
    assert AuditLog.objects.filter(action="bundle.exported").exists()
    assert 'field-action">bundle.exported<' not in page


def test_lists_have_the_whole_width(held: ImportBatch, operator: Client) -> None:
    page = _page(operator, IMPORTS)
    assert "airferry/admin.css" in page and "nav-sidebar" not in page


@pytest.mark.parametrize(
    ("at", "shown"), [("quarantine", True), ("held", True), ("refused", False), ("applied", False), ("waits", False)]
)
def test_list_is_narrowed_by_where_bundles_are_at(held: ImportBatch, operator: Client, at: str, shown: bool) -> None:
    assert (f"{held.pk}/change/" in _page(operator, f"{IMPORTS}?at={at}")) is shown


def test_page_shows_code_cure_and_preview_and_links_to_no_file(held: ImportBatch, operator: Client) -> None:
    page = _page(operator, f"{IMPORTS}{held.pk}/change/")
    assert "It holds more records than a bundle of its kind may." in page
    assert "Preview: nothing of this has been done" in page and str(held.source_batch_id) in page
    assert ".enc&quot;" not in page and 'href="/media' not in page and "style=" not in page.partition("<main")[2]
    assert "Release …" not in page and "Discard …" not in page


def test_page_says_so_when_the_file_is_on_another_host(held: ImportBatch, operator: Client) -> None:
    Path(held.file_path).unlink()
    assert "is not on this host" in _page(operator, f"{IMPORTS}{held.pk}/change/")


def test_export_list_tells_every_hop(sender: RowsSender, sent: str, peer: Peer, operator: Client) -> None:
    sender.add()
    (outcome,) = export_stream(stream=sent, actor=SYSTEM)
    page = _page(operator, f"{EXPORTS}?at=waits").partition('id="changelist-form"')[2]
    assert f"{outcome.batch_id}/change/" in page and "waits to be carried" in page
    peer.tell(Batch(stream=sent, batch_id=outcome.batch_id, outcome="held", code="bad_record", records=[]))
    scan_imports(actor=SYSTEM)
    page = _page(operator, f"{EXPORTS}?at=held")
    assert ">held there<" in page and f"{outcome.batch_id}/change/" in page
    assert "The other site holds a bundle of ours in quarantine" in page and "(bad_record" in page
    assert "is not what its stream" in _page(operator, f"{EXPORTS}{outcome.batch_id}/change/")
    for at in ("under-way", "applied", "discarded", "replaced", "failed", "nonsense"):
        _page(operator, f"{EXPORTS}?at={at}")


# decisions


def test_release_asks_first_and_is_enqueued_when_an_admin_confirms(
    held: ImportBatch, admin: Client, receiver: RowsReceiver
) -> None:
    assert "Release …" in _page(admin, f"{IMPORTS}{held.pk}/change/")
    asked = _ask(admin, "release", held)
    assert asked.status_code == 200 and _queued() == []
    page = asked.content.decode()
    assert "Release from quarantine?" in page and "can&#x27;t be undone" in page and held.filename in page
    assert 'name="confirmed" value="release"' in page and "Preview" in page
    assert _ask(admin, "release", held, confirmed="release").status_code == 302
    ((task, named),) = _queued()
    assert (task, named["row_id"]) == ("transfer.release", str(held.pk))
    assert tasks.release(**named)["outcome"] == "completed" and len(receiver.arrived()) == 2
    assert AuditLog.objects.get(action="bundle.released").user_id is not None
    again = _ask(admin, "release", held, confirmed="release")
    assert "There is nothing to do" in again.content.decode() and _queued() == []


def test_discard_is_enqueued_when_an_admin_says_why(held: ImportBatch, refused: ImportBatch, admin: Client) -> None:
    page = _ask(admin, "discard", held, refused).content.decode()
    assert held.filename in page and refused.filename in page and 'name="reason"' in page
    for reason in ("", "  ", "x" * 501):
        page = _ask(admin, "discard", held, refused, confirmed="discard", reason=reason).content.decode()
        assert "Say why" in page
    assert _queued() == []
    assert _ask(admin, "discard", held, refused, confirmed="discard", reason=" no ").status_code == 302
    named = [named for task, named in _queued() if task == "transfer.discard"]
    assert {each["row_id"] for each in named} == {str(held.pk), str(refused.pk)}
    assert {each["reason"] for each in named} == {"no"}


def test_import_again_is_enqueued_when_an_operator_confirms(
    held: ImportBatch, refused: ImportBatch, operator: Client
) -> None:
    page = _ask(operator, "import_again", held, refused).content.decode()
    assert "is held: release it, or discard it." in page
    assert _ask(operator, "import_again", held, refused, confirmed="import_again").status_code == 302
    ((task, named),) = _queued()
    assert (task, named["row_id"]) == ("transfer.import_again", str(refused.pk))


@pytest.mark.parametrize("action", ["release", "discard"])
def test_decision_is_refused_when_the_role_is_operator(held: ImportBatch, operator: Client, action: str) -> None:
    _ask(operator, action, held, confirmed=action, reason="no")
    assert _queued() == []
    assert f'value="{action}"' not in _page(operator, IMPORTS)


@pytest.mark.parametrize("address", [IMPORTS, EXPORTS, f"{IMPORTS}import-now/", f"{EXPORTS}export-now/"])
def test_pages_are_refused_when_the_caller_is_no_operator(transactional_db: None, address: str) -> None:
    for client in (_client(make_user("ada")), Client()):
        for answer in (client.get(address), client.post(address)):
            assert answer.status_code in (302, 403)
            assert answer.status_code == 403 or "/login/" in answer["Location"]
    assert _queued() == []


# buttons


def test_import_now_and_export_now_ask_first_and_are_enqueued_when_an_operator_confirms(operator: Client) -> None:
    assert "import-now" in _page(operator, IMPORTS) and "export-now" in _page(operator, EXPORTS)
    assert "IMPORT_DIR is scanned" in _page(operator, f"{IMPORTS}import-now/")
    assert "put into bundles" in _page(operator, f"{EXPORTS}export-now/")
    assert _queued() == []
    assert operator.post(f"{IMPORTS}import-now/").status_code == 302
    assert operator.post(f"{EXPORTS}export-now/", {"full": "1"}).status_code == 302
    (scan, export) = _queued()
    assert (scan[0], export[0], export[1]["full"]) == ("transfer.import_scan", "transfer.export", True)
    assert scan[1]["actor"]["user_id"] is not None


# the banner


def _sent(stream: str, batch_id: Any, trip: str | None = "20261120_080000") -> Sent:
    return Sent(stream=stream, batch_id=batch_id, seq=1, created_at=NOON, record_count=3, trip=trip)


def _later() -> None:
    state = AppliedState.objects.get(stream="holdings")
    assert state.applied_at is not None
    state.applied_at -= timedelta(minutes=6)
    state.save()


def test_banner_tells_what_waits_and_what_is_in_quarantine(
    held: ImportBatch, refused: ImportBatch, operator: Client, sender: RowsSender, sent: str
) -> None:
    sender.add(2)
    export_stream(stream=sent, actor=SYSTEM)
    page = _page(operator, "/admin/")
    assert "2 files lie in quarantine here" in page and "sidecar_mismatch, too_many_records" in page
    assert "A bundle of this site (2 records) waits to be carried" in page


def test_banner_is_not_there_when_all_is_well(peer: Peer, operator: Client) -> None:
    assert 'aria-label="The carry"' not in _page(operator, "/admin/")


def test_banner_names_the_trip_when_something_sent_has_not_come(
    peer: Peer, receiver: RowsReceiver, received: str, operator: Client
) -> None:
    come, lost = new_id(), new_id()
    peer.write(received, [log_line(received)], batch_id=come)
    peer.tell(_sent(received, come), _sent(received, lost), _sent(received, uuid4(), trip=None))
    scan_imports(actor=SYSTEM)
    assert "has not come" not in _page(operator, "/admin/")
    _later()
    page = _page(operator, "/admin/")
    assert "a bundle that has not come (3 records)" in page and "20261120_080000" in page
    peer.write(received, [log_line(received)], batch_id=lost)
    scan_imports(actor=SYSTEM)
    assert "has not come" not in _page(operator, "/admin/")
