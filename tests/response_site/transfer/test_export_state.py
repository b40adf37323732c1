"""A state is written anew when its content differs, or when the newest bundle can't do its work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.db import connection

from common_apps.accounts.models import User
from common_apps.audit.actors import SYSTEM
from common_apps.core.ids import new_id
from common_apps.transfer import registry
from common_apps.transfer.bundle import records
from common_apps.transfer.bundle.codec import encode_record
from common_apps.transfer.bundle.header import AnnouncedBox
from common_apps.transfer.bundle.keypairs import BoxKey, Kem
from common_apps.transfer.keys.peers import encode_key
from common_apps.transfer.models import ExportBatch
from common_apps.transfer.selectors import bundles_to_carry
from common_apps.transfer.services import ExportOutcome, export_state, export_steps, export_stream, scan_imports
from tests.common.transfer.kit import Peer
from tests.factories import make_user


class SettingsSender:
    """A StateSender of settings that a test changes."""

    def __init__(self) -> None:
        self.values = {"a": 1}
        self.exported: list[int] = []

    def snapshot(self) -> Iterator[bytes]:
        for key, value in sorted(self.values.items()):
            yield encode_record(records.Setting(id=key, value=msgspec.Raw(str(value).encode())))

    def mark_exported(self, *, seq: int, at: datetime) -> None:
        self.exported.append(seq)


@pytest.fixture
def master(transactional_db: None, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> SettingsSender:
    toy = SettingsSender()
    monkeypatch.setitem(registry.state_senders, "settings", toy)
    return toy


def _export(**options: Any) -> list[ExportOutcome]:
    return export_stream(stream="settings", actor=SYSTEM, **options)


def _tell(peer: Peer, *, seq: int, batch_id: Any, refused: records.Refused | None = None, **hello: Any) -> None:
    peer.tell(records.State(stream="settings", seq=seq, batch_id=batch_id, refused=refused), hello=hello)
    assert [each.outcome for each in scan_imports(actor=SYSTEM)] == ["completed"]


def test_export_writes_a_snapshot_only_when_its_content_differs(master: SettingsSender, peer: Peer) -> None:
    (first,) = _export()
    assert _export() == []
    master.values["b"] = 2
    (second,) = _export()
    assert second.seq > first.seq
    assert master.exported == [first.seq, second.seq]
    (bundle,) = bundles_to_carry()
    header, lines = peer.read(Path(bundle.file_path))
    assert (header.mode, header.seq, header.digest) == ("snapshot", second.seq, bundle.digest)
    assert [each.id for each in lines] == ["a", "b"]
    replaced = ExportBatch.objects.get(pk=first.batch_id)
    assert replaced.superseded_at is not None and replaced.pruned_at is not None
    assert [path.name for path in Path(bundle.file_path).parent.glob("*.enc")] == [second.file]
    assert len(_export(full=True)) == 1


def test_export_carries_the_newest_until_it_is_listed(master: SettingsSender, peer: Peer) -> None:
    (first,) = _export()
    _tell(peer, seq=0, batch_id=None)
    assert [each.pk for each in bundles_to_carry()] == [first.batch_id]
    assert _export() == []
    _tell(peer, seq=first.seq, batch_id=first.batch_id)
    assert bundles_to_carry() == []
    assert _export() == []
    assert ExportBatch.objects.get(pk=first.batch_id).confirmed_at is not None
    # The peer was restored from a backup: the same bytes come back from the archive.
    _tell(peer, seq=0, batch_id=None)
    assert _export() == []
    (again,) = bundles_to_carry()
    assert again.pk == first.batch_id and Path(again.file_path).is_file()


def test_export_writes_anew_when_the_list_shows_a_greater_version(master: SettingsSender, peer: Peer) -> None:
    (first,) = _export()
    _tell(peer, seq=first.seq + 10**9, batch_id=new_id())
    (second,) = _export()
    assert second.seq == first.seq + 10**9 + 1


@pytest.mark.parametrize(("code", "written"), [("missing_base", 1), ("bad_record", 0)])
def test_export_answers_missing_base_with_a_snapshot_and_leaves_other_refusals_to_people(
    master: SettingsSender, peer: Peer, code: str, written: int
) -> None:
    (first,) = _export()
    _tell(peer, seq=0, batch_id=None, refused=records.Refused(seq=first.seq, batch_id=first.batch_id, code=code))
    assert bundles_to_carry() == []
    assert len(_export()) == written


def test_export_writes_anew_when_the_newest_is_gone_or_unreadable(master: SettingsSender, peer: Peer) -> None:
    (first,) = _export()
    (bundle,) = bundles_to_carry()
    Path(bundle.file_path).unlink()
    (second,) = _export()
    assert second.batch_id != first.batch_id
    # Nothing that is written here would be believed there: another bundle would not be, either.
    _tell(peer, seq=0, batch_id=None, trusts=[])
    assert _export() == []
    box = BoxKey.generate(version="v2", kem=Kem.X25519, created_at="2026-11-23T12:00:00Z").public_key
    announced = AnnouncedBox(version="v2", kem=box.kem, public=encode_key(box.public))
    _tell(peer, seq=0, batch_id=None, box=[announced])
    assert len(_export()) == 1


class KilledError(BaseException):
    """As if the process had gone."""


def _die(*_: Any, **__: Any) -> None:
    raise KilledError


@pytest.mark.parametrize(
    ("module", "step", "outcomes"),
    [
        (export_state, "write_file", ["failed", "written"]),
        (export_steps, "publish", ["failed", "written"]),
        (export_steps, "write_sidecar", ["recovered"]),
        (export_state, "complete_batch", ["recovered"]),
    ],
)
def test_export_finishes_the_work_when_an_exporter_died(
    master: SettingsSender, monkeypatch: pytest.MonkeyPatch, module: Any, step: str, outcomes: list[str]
) -> None:
    with monkeypatch.context() as patch, pytest.raises(KilledError):
        patch.setattr(module, step, _die)
        _export()
    found = _export()
    assert [each.outcome for each in found] == outcomes
    # A version that was marked and never came to be is above every one that is listed: a delta holds its rows again.
    assert master.exported[-1] == found[-1].seq
    assert [each.pk for each in bundles_to_carry()] == [found[-1].batch_id]


def test_export_keeps_the_mark_of_a_user_who_changes_while_the_bundle_is_written(
    peer: Peer, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, bob = make_user("ada"), make_user("bob")
    publish = export_state.publish_file

    def change_first(part: Any) -> Any:
        User.objects.filter(pk=ada.pk).update(full_name="Ada L.")
        return publish(part)

    monkeypatch.setattr(export_state, "publish_file", change_first)
    (outcome,) = export_stream(stream="users", actor=SYSTEM)
    ada.refresh_from_db()
    bob.refresh_from_db()
    assert ada.dirty
    assert (bob.dirty, bob.sent_seq) == (False, outcome.seq)


def test_export_reads_users_again_when_one_changes_under_the_snapshot(
    peer: Peer, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = make_user("ada")
    master = registry.state_senders["users"]
    reads: list[int] = []

    class Watched:
        mark_exported = staticmethod(master.mark_exported)

        def snapshot(self) -> Iterator[bytes]:
            yield from master.snapshot()
            reads.append(1)
            if len(reads) == 1:
                elsewhere(lambda: User.objects.filter(pk=ada.pk).update(full_name="Ada L."))

    monkeypatch.setitem(registry.state_senders, "users", Watched())
    export_stream(stream="users", actor=SYSTEM)
    (bundle,) = bundles_to_carry()
    assert [each.full_name for each in peer.read(Path(bundle.file_path))[1]] == ["Ada L."]
    ada.refresh_from_db()
    assert (ada.dirty, ada.sent_seq) == (False, bundle.seq)


def elsewhere(work: Callable[[], object]) -> None:
    """In another connection."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


def test_export_writes_anew_when_the_list_shows_another_bundle_of_the_same_version_as_refused(
    master: SettingsSender, peer: Peer
) -> None:
    (first,) = _export()
    _tell(peer, seq=0, batch_id=None, refused=records.Refused(seq=first.seq, batch_id=new_id(), code="bad_record"))
    (second,) = _export()
    assert second.seq > first.seq
