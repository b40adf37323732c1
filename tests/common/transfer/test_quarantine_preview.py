"""What the preview of a quarantined file tells, and that it changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings

from common_apps.audit.actors import SYSTEM
from common_apps.audit.models import AuditLog
from common_apps.core.errors import DomainError
from common_apps.transfer.bundle.codec import encode_record
from common_apps.transfer.bundle.limits import Limits
from common_apps.transfer.errors import TransferNotReadyError
from common_apps.transfer.folders import site_folders
from common_apps.transfer.models import ImportBatch
from common_apps.transfer.services import import_path, scan_imports
from common_apps.transfer.services.previewing import preview_quarantined
from tests.common.transfer.kit import Peer, RowsReceiver, log_line, request_record, result_record

STRICTER = Limits(log_records=1)


def _held(peer: Peer, stream: str, lines: list[bytes]) -> ImportBatch:
    peer.write(stream, lines)
    (outcome,) = scan_imports(actor=SYSTEM, limits=STRICTER)
    assert outcome.code == "too_many_records"
    return ImportBatch.objects.get(code="too_many_records")


def _everything() -> list[Any]:
    rows = [list(ImportBatch.objects.order_by("id").values()), AuditLog.objects.count()]
    return [*rows, sorted((path.name, path.read_bytes()) for path in site_folders().quarantine.iterdir())]


def test_preview_tells_what_applying_would_do_and_changes_nothing(
    peer: Peer, receiver: RowsReceiver, received: str
) -> None:
    make = request_record if received == "requests" else result_record
    known, changed, new = make(), make(), make()
    for each in (known, changed):
        peer.write(received, [encode_record(each)])
    assert [each.outcome for each in scan_imports(actor=SYSTEM)] == ["completed", "completed"]
    lines = sorted([encode_record(known), encode_record(make(changed.id)), encode_record(new)])
    row = _held(peer, received, lines)
    before = _everything()
    found = preview_quarantined(row.pk)
    assert found.sound and {check.verdict for check in found.checks} == {"passed"}
    assert found.header is not None and found.header["batch_id"] == str(row.source_batch_id)
    assert found.signed_by.startswith(peer.site) and found.record_count == 3
    assert [(each.what, each.count, each.names) for each in found.changes] == [
        ("new", 1, ()),
        ("known already", 1, ()),
        ("in conflict", 1, (str(changed.id),)),
    ]
    assert _everything() == before
    assert receiver.arrived() == {known.id, changed.id} and len(receiver.woken) == 2


def test_preview_names_the_step_that_fails_when_one_does(peer: Peer, receiver: RowsReceiver, received: str) -> None:
    row = _held(peer, received, [log_line(received), log_line(received)])
    found = preview_quarantined(row.pk, limits=STRICTER)
    verdicts = {check.name: check.verdict for check in found.checks}
    assert verdicts["contents"] == "too_many_records" and verdicts["key"] == "passed"
    assert (found.record_count, found.changes) == (None, ()) and found.untold
    (Path(settings.KEY_DIR) / "trust.json").unlink()
    found = preview_quarantined(row.pk)
    assert [check.verdict for check in found.checks] == ["passed", "bad_signature", *["not reached"] * 5]
    assert found.header is None and found.signed_by == ""


def test_preview_tells_of_damage_when_the_disk_has_changed_the_bytes(
    peer: Peer, receiver: RowsReceiver, received: str
) -> None:
    row = _held(peer, received, [log_line(received), log_line(received)])
    file = Path(row.file_path)
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert preview_quarantined(row.pk).checks[0].verdict == "bad_hash"
    file.unlink()
    with pytest.raises(TransferNotReadyError, match="not on this host"):
        preview_quarantined(row.pk)


def test_preview_says_so_when_the_database_would_refuse_it(peer: Peer, receiver: RowsReceiver, received: str) -> None:
    from django.db import connection

    def refuse() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 'x'::int")

    row = _held(peer, received, [log_line(received), log_line(received)])
    receiver.before = refuse
    found = preview_quarantined(row.pk)
    assert found.sound and "would refuse" in found.untold


def test_preview_says_so_when_an_import_holds_the_rows(peer: Peer, receiver: RowsReceiver, received: str) -> None:
    from django.db import connection

    def wait() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = '50ms'")
            cursor.execute("SELECT pg_sleep(30)")

    row = _held(peer, received, [log_line(received), log_line(received)])
    receiver.before = wait
    assert "import is running" in preview_quarantined(row.pk).untold


def test_preview_does_not_heed_holdings(peer: Peer, tables: None, tmp_path: Path) -> None:
    written = peer.tell(directory=tmp_path / "stick")
    written.path.with_name(f"{written.filename}.meta.json").write_bytes(b"{}")
    assert import_path(path=written.path, actor=SYSTEM).code == "sidecar_mismatch"
    found = preview_quarantined(ImportBatch.objects.get().pk)
    assert found.sound and "moves files" in found.untold and found.record_count == 0


def test_preview_is_refused_when_nothing_of_that_row_is_in_quarantine(
    peer: Peer, receiver: RowsReceiver, received: str
) -> None:
    peer.write(received, [log_line(received)])
    scan_imports(actor=SYSTEM)
    for row_id in (uuid4(), ImportBatch.objects.get().pk):
        with pytest.raises(DomainError) as refused:
            preview_quarantined(row_id)
        assert refused.value.code == "not_found"
