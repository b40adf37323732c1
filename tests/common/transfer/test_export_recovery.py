"""An exporter that dies between any two steps loses nothing and doubles nothing."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from common_apps.audit.actors import SYSTEM
from common_apps.transfer.errors import TransferBusyError
from common_apps.transfer.folders import site_folders
from common_apps.transfer.locks import hold
from common_apps.transfer.models import ExportBatch
from common_apps.transfer.selectors import bundles_to_carry
from common_apps.transfer.services import export_log, export_steps, export_stream, is_export_due
from tests.common.transfer.kit import Peer, RowsSender, bad_sectors


class KilledError(BaseException):
    """What no except clause of the code catches: as if the process had gone."""


def _die(*_: Any, **__: Any) -> None:
    raise KilledError


STEPS = {
    "before the file": (export_steps, "write_part", "failed"),
    "before the final name": (export_steps, "publish", "failed"),
    "before the sidecar": (export_steps, "write_sidecar", "recovered"),
    "before latest.json": (export_steps, "write_latest", "recovered"),
    "before T2": (export_log, "complete_batch", "recovered"),
    "inside T2": (export_steps, "mark_rows_exported", "recovered"),
}


@pytest.mark.parametrize("step", list(STEPS))
def test_export_finishes_the_work_when_an_exporter_died(
    sender: RowsSender, peer: Peer, sent: str, settings: Any, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    ids = sender.add(3)
    module, name, outcome = STEPS[step]
    with monkeypatch.context() as patch, pytest.raises(KilledError):
        patch.setattr(module, name, _die)
        export_stream(stream=sent, actor=SYSTEM)
    assert set(sender.states().values()) == {"queued"}
    first, *others = export_stream(stream=sent, actor=SYSTEM)
    assert first.outcome == outcome
    assert [each.outcome for each in others] == (["written"] if outcome == "failed" else [])
    assert set(sender.states().values()) == {"exported"}
    carried = [each.id for batch in bundles_to_carry() for each in peer.read(Path(batch.file_path))[1]]
    assert carried == ids
    names = sorted(path.name for path in (settings.EXPORT_DIR / sent).iterdir())
    (bundle,) = bundles_to_carry()
    assert names == ["latest.json", bundle.filename, f"{bundle.filename}.meta.json"]


def test_export_fails_the_batch_when_its_file_was_damaged_meanwhile(
    sender: RowsSender, sent: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender.add()
    with monkeypatch.context() as patch, pytest.raises(KilledError):
        patch.setattr(export_log, "complete_batch", _die)
        export_stream(stream=sent, actor=SYSTEM)
    batch = ExportBatch.objects.get()
    path = settings.EXPORT_DIR / sent / batch.filename
    path.write_bytes(path.read_bytes()[:-1])
    assert [each.outcome for each in export_stream(stream=sent, actor=SYSTEM)] == ["failed", "written"]
    assert not path.exists()


def test_export_leaves_rows_pending_when_the_disk_is_full(
    sender: RowsSender, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender.add(2)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(export_steps, "write_part", full)
        export_stream(stream=sent, actor=SYSTEM)
    assert set(sender.states().values()) == {"pending"}
    assert ExportBatch.objects.get().status == "failed"
    assert [each.record_count for each in export_stream(stream=sent, actor=SYSTEM)] == [2]


def test_export_reports_busy_when_another_holds_the_lock(sender: RowsSender, sent: str) -> None:
    sender.add()
    with hold(site_folders().export_lock(sent), what="a test"), pytest.raises(TransferBusyError):
        export_stream(stream=sent, actor=SYSTEM, wait=False)
    assert len(export_stream(stream=sent, actor=SYSTEM, wait=False)) == 1


def test_export_puts_no_record_in_two_bundles_when_two_run_at_once(sender: RowsSender, peer: Peer, sent: str) -> None:
    ids = sender.add(40)
    start = threading.Barrier(2)

    def run() -> None:
        start.wait()
        try:
            export_stream(stream=sent, actor=SYSTEM)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    carried = [each.id for batch in bundles_to_carry() for each in peer.read(Path(batch.file_path))[1]]
    assert carried == ids


def test_is_export_due_when_an_exporter_died_with_rows_in_its_hand(
    sender: RowsSender, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender.add()
    with monkeypatch.context() as patch, pytest.raises(KilledError):
        patch.setattr(export_log, "complete_batch", _die)
        export_stream(stream=sent, actor=SYSTEM)
    # Nothing is pending, and yet somebody has to finish it: there may be no other request for days.
    assert sender.waiting().count == 0
    assert is_export_due(sent)
    assert [each.outcome for each in export_stream(stream=sent, actor=SYSTEM)] == ["recovered"]
    assert not is_export_due(sent)


def test_export_removes_what_a_dead_exporter_had_half_written(
    sender: RowsSender, sent: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender.add()
    with monkeypatch.context() as patch, pytest.raises(KilledError):
        patch.setattr(Path, "replace", _die)
        export_stream(stream=sent, actor=SYSTEM)
    folder = settings.EXPORT_DIR / sent
    assert list(folder.glob(".*.part")) != []
    assert [each.outcome for each in export_stream(stream=sent, actor=SYSTEM)] == ["recovered"]
    assert list(folder.glob(".*")) == []


def test_export_gives_the_rows_another_bundle_when_the_file_of_a_dead_exporter_lies_on_a_bad_sector(
    sender: RowsSender, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender.add()
    with monkeypatch.context() as patch, pytest.raises(KilledError):
        patch.setattr(export_log, "complete_batch", _die)
        export_stream(stream=sent, actor=SYSTEM)
    bad_sectors(monkeypatch, ExportBatch.objects.get().filename)
    assert [each.outcome for each in export_stream(stream=sent, actor=SYSTEM)] == ["failed", "written"]
