"""What hangs, fails, or is put in the way at one place, and must not stop, lose or remove what is at another."""

from __future__ import annotations

import errno
import json
import os
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from common_apps.audit.actors import SYSTEM
from common_apps.core.ids import new_id
from common_apps.operations.models import Alert
from common_apps.transfer import tasks
from common_apps.transfer.bundle import records
from common_apps.transfer.bundle.names import sidecar_name
from common_apps.transfer.errors import TransferStuckError
from common_apps.transfer.folders import site_folders
from common_apps.transfer.locks import hold
from common_apps.transfer.models import ExportBatch
from common_apps.transfer.services import ExportOutcome, export_all, export_steps, export_stream, scan_imports
from tests.common.transfer.kit import Peer, RowsReceiver, RowsSender, log_line, scan

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def impatient(settings: Any) -> None:
    """Whoever finds a lock taken says so at once."""
    settings.LOCK_WAIT_SECONDS = 0


def test_holdings_wait_and_all_else_is_imported_when_an_exporter_hangs(
    sender: RowsSender, receiver: RowsReceiver, peer: Peer, sent: str, received: str, impatient: None
) -> None:
    peer.tell()
    peer.write(received, [log_line(received)])
    with hold(site_folders().export_lock(sent), what="a test"):
        found = {each.stream: each for each in scan_imports(actor=SYSTEM)}
    assert (found["holdings"].outcome, found[received].outcome) == ("postponed", "completed")
    assert f"the export of {sent} has been running in process {os.getpid()}" in found["holdings"].detail
    assert scan() == [("completed", None)]


def test_importer_says_who_holds_it_up_when_another_hangs(
    receiver: RowsReceiver, peer: Peer, received: str, impatient: None
) -> None:
    peer.write(received, [log_line(received)])
    with hold(site_folders().import_lock(), what="a test"):
        with pytest.raises(TransferStuckError, match=f"process {os.getpid()} .* end it"):
            scan_imports(actor=SYSTEM)
        assert tasks.import_scan() == {"outcome": "busy", "files": 0, "refused": 0}
    assert scan() == [("completed", None)]


def test_other_streams_are_exported_and_told_when_the_exporter_of_one_hangs(
    sender: RowsSender, peer: Peer, sent: str, impatient: None
) -> None:
    done: list[ExportOutcome] = []
    with hold(site_folders().export_lock(sent), what="a test"), pytest.raises(TransferStuckError):
        export_all(actor=SYSTEM, streams=[sent, "holdings"], done=done)
    assert [each.stream for each in done] == ["holdings"]


def test_export_bundles_prints_what_was_written_when_a_later_bundle_fails(
    sender: RowsSender, sent: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LOG_BUNDLE_RECORDS = 1
    sender.add(2)
    written = []
    write_part = export_steps.write_part

    def fill(*arguments: Any, **options: Any) -> Any:
        if written:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(write_part(*arguments, **options))
        return written[0]

    monkeypatch.setattr(export_steps, "write_part", fill)
    out = StringIO()
    with pytest.raises(CommandError, match="disk_full"):
        call_command("export_bundles", sent, "--json", stdout=out)
    (row,) = json.loads(out.getvalue())
    assert (row["outcome"], row["seq"], row["batch_id"]) == ("written", 1, str(ExportBatch.objects.get(seq=1).pk))


def _read_only(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """As the kernel has it: on a read-only disk even what isn't there can't be removed."""
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.is_relative_to(folder):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        unlink(path, missing_ok=missing_ok)

    patch.setattr(Path, "unlink", refuse)


@pytest.mark.parametrize("step", ["write_part", "write_sidecar"])
def test_rows_are_given_back_when_the_disk_is_read_only(
    sender: RowsSender, sent: str, settings: Any, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    sender.add(2)

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with monkeypatch.context() as patch, pytest.raises(OSError, match="Read-only"):
        patch.setattr(export_steps, step, fail)
        _read_only(patch, settings.EXPORT_DIR)
        export_stream(stream=sent, actor=SYSTEM)
    failed = ExportBatch.objects.get()
    assert (failed.status, set(sender.states().values())) == ("failed", {"pending"})
    assert (settings.EXPORT_DIR / sent / failed.filename).exists() == (step == "write_sidecar")
    # Once it can be written again, nothing is left of the first one.
    (outcome,) = export_stream(stream=sent, actor=SYSTEM)
    assert outcome.record_count == 2
    assert {path.name for path in (settings.EXPORT_DIR / sent).glob("*.enc*")} == {
        outcome.file,
        sidecar_name(outcome.file),
    }


def test_rows_of_a_dead_exporter_are_given_back_when_the_disk_is_read_only(
    sender: RowsSender, sent: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender.add()

    class KilledError(BaseException):
        pass

    def die(*_: Any, **__: Any) -> None:
        raise KilledError

    with monkeypatch.context() as patch, pytest.raises(KilledError):
        patch.setattr(export_steps, "write_part", die)
        export_stream(stream=sent, actor=SYSTEM)
    (settings.EXPORT_DIR / sent).mkdir(exist_ok=True)
    (settings.EXPORT_DIR / sent / ".latest.json.x.part").touch()
    with monkeypatch.context() as patch, pytest.raises(OSError, match="Read-only"):
        patch.setattr(export_steps, "write_part", _refuse_to_write)
        _read_only(patch, settings.EXPORT_DIR)
        export_stream(stream=sent, actor=SYSTEM)
    assert set(sender.states().values()) == {"pending"}


def _refuse_to_write(*_: Any, **__: Any) -> None:
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


@pytest.mark.parametrize("is_in_place", [True, False])
def test_file_that_was_put_in_the_place_of_another_is_judged_and_not_just_removed(
    receiver: RowsReceiver, peer: Peer, received: str, is_in_place: bool
) -> None:
    written = peer.write(received, [log_line(received)])
    times = written.path.stat()

    def replace() -> None:
        other = written.path.with_name("other")
        other.write_bytes(b"x" * written.size)
        if is_in_place:
            written.path.write_bytes(other.read_bytes())
            other.unlink()
        else:
            other.replace(written.path)
        # As a copier that keeps the times does.
        os.utime(written.path, ns=(times.st_atime_ns, times.st_mtime_ns))

    receiver.before = replace
    assert scan() == [("completed", None)]
    assert written.path.read_bytes() == b"x" * written.size
    receiver.before = None
    (found,) = scan_imports(actor=SYSTEM, patient=False)
    assert (found.outcome, found.code) == ("quarantined", "bad_magic")
    assert not written.path.exists()


@pytest.mark.parametrize("fault", ["gone", "damaged", "of another"])
def test_bundle_is_carried_with_a_right_sidecar_when_the_disk_has_lost_it(
    sender: RowsSender, peer: Peer, sent: str, settings: Any, fault: str
) -> None:
    sender.add()
    (outcome,) = export_stream(stream=sent, actor=SYSTEM)
    sidecar = settings.EXPORT_DIR / sent / sidecar_name(outcome.file)
    right = sidecar.read_bytes()
    if fault == "gone":
        sidecar.unlink()
    else:
        sidecar.write_text("{" if fault == "damaged" else json.dumps(json.loads(right) | {"record_count": 7}))
    peer.tell()
    assert scan() == [("completed", None)]
    assert ExportBatch.objects.get(pk=outcome.batch_id).superseded_at is None
    assert sidecar.read_bytes() == right


def test_bell_falls_silent_when_a_held_bundle_is_too_old_to_be_listed(
    sender: RowsSender, peer: Peer, sent: Any
) -> None:
    from common_apps.transfer.models import DayCounter

    sender.add()
    (outcome,) = export_stream(stream=sent, actor=SYSTEM)
    peer.tell(records.Applied(stream=sent, batch_ids=[str(outcome.batch_id)]))
    scan()
    # Put back from a backup, it has the bundle again, and now it is too much for it.
    peer.tell(records.Batch(stream=sent, batch_id=outcome.batch_id, outcome="held", code="too_large", records=[]))
    scan()
    assert Alert.objects.filter(code="bundle_held_by_peer", ended_at=None).exists()
    sender._run("UPDATE toy_rows SET answered = true")
    ExportBatch.objects.filter(pk=outcome.batch_id).update(confirmed_day=0)
    DayCounter.objects.update(days=61)
    peer.tell()
    scan()
    batch = ExportBatch.objects.get(pk=outcome.batch_id)
    assert (batch.settled_at is None, batch.held_at) == (False, None)
    assert not Alert.objects.filter(ended_at=None).exists()


def test_bell_rings_once_when_a_restored_site_is_noticed_in_two_ways(sender: RowsSender, peer: Peer, sent: Any) -> None:
    listed = records.Applied(stream=sent, batch_ids=[str(new_id()), str(new_id())])
    peer.tell(listed, hello={"heard": 10**9})
    assert scan() == [("completed", None)]
    alert = Alert.objects.get(code="site_rolled_back", ended_at=None)
    assert (alert.count, alert.facts["unknown_bundles"]) == (1, 2)
