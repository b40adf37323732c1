"""Users travel as what has changed since the version that the other site has, with the digest of all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from common_apps.accounts.models import User
from common_apps.accounts.streams import user_lines
from common_apps.audit.actors import SYSTEM
from common_apps.core.ids import new_id
from common_apps.transfer.bundle import records
from common_apps.transfer.bundle.codec import encode_record, snapshot_digest
from common_apps.transfer.bundle.header import Header
from common_apps.transfer.models import ExportBatch
from common_apps.transfer.services import ExportOutcome, export_state, export_stream, scan_imports
from tests.common.transfer.kit import Peer
from tests.common.transfer.test_schemas import upgraded
from tests.factories import make_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people(peer: Peer) -> list[User]:
    return [make_user(name) for name in ("ada", "bob", "cid", "dan", "eve")]


def _export(**options: Any) -> ExportOutcome:
    (outcome,) = export_stream(stream="users", actor=SYSTEM, **options)
    return outcome


def _read(peer: Peer, outcome: ExportOutcome) -> tuple[Header, list[str]]:
    header, lines = peer.read(Path(ExportBatch.objects.get(pk=outcome.batch_id).file_path))
    return header, [each.username for each in lines]


def _tell(peer: Peer, seq: int, batch_id: UUID | None, refused: records.Refused | None = None) -> None:
    peer.tell(records.State(stream="users", seq=seq, batch_id=batch_id, refused=refused))
    assert [each.outcome for each in scan_imports(actor=SYSTEM)] == ["completed"]


def _applied(peer: Peer) -> ExportOutcome:
    """A first snapshot that the peer has."""
    outcome = _export()
    assert outcome.mode == "snapshot"
    _tell(peer, outcome.seq, outcome.batch_id)
    return outcome


def _rename(user: User, full_name: str) -> None:
    user.full_name = full_name
    user.save()


def test_users_go_as_a_delta_with_the_digest_of_all_when_the_peer_has_a_version(peer: Peer, people: list[User]) -> None:
    _applied(peer)
    _rename(people[1], "Bobby")
    delta = _export()
    header, names = _read(peer, delta)
    assert (delta.mode, header.mode, names) == ("delta", "delta", ["bob"])
    assert header.digest == snapshot_digest(user_lines())
    assert ExportBatch.objects.get(pk=delta.batch_id).mode == "delta"


def test_delta_holds_all_that_changed_after_the_version_listed_and_not_since_the_newest(
    peer: Peer, people: list[User]
) -> None:
    base = _applied(peer)
    _rename(people[0], "Countess")
    first = _export()
    _rename(people[1], "Bobby")
    second = _export()
    # Nobody has confirmed the first delta: what it carried goes again.
    assert _read(peer, second)[1] == ["ada", "bob"]
    _tell(peer, first.seq, first.batch_id)
    _rename(people[2], "Cidney")
    third = _export()
    assert _read(peer, third)[1] == ["bob", "cid"]
    # The peer was restored from a backup, to a version that this site knows.
    _tell(peer, base.seq, base.batch_id)
    _rename(people[3], "Danny")
    assert _read(peer, _export())[1] == ["ada", "bob", "cid", "dan"]


def test_delta_holds_new_users_and_deleted_ones(peer: Peer, people: list[User]) -> None:
    _applied(peer)
    make_user("fay")
    people[0].is_active = False
    people[0].save()
    assert sorted(_read(peer, _export())[1]) == ["ada", "fay"]


@pytest.mark.parametrize("fails", ["write_file", "publish_file"])
def test_delta_holds_what_a_failed_one_should_have_carried(
    peer: Peer, people: list[User], monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    _applied(peer)
    _rename(people[1], "Bobby")
    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(export_state, fails, fail)
        _export()
    assert _read(peer, _export())[1] == ["bob"]


def test_delta_is_finished_as_a_delta_when_its_exporter_died(
    peer: Peer, people: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        pass

    def die(**_: Any) -> Any:
        raise KilledError

    _applied(peer)
    _rename(people[1], "Bobby")
    with monkeypatch.context() as patch, pytest.raises(KilledError):
        patch.setattr(export_state, "complete_batch", die)
        _export()
    found = _export()
    assert (found.outcome, found.mode) == ("recovered", "delta")
    batch = ExportBatch.objects.get(pk=found.batch_id)
    assert (batch.mode, batch.digest) == ("delta", snapshot_digest(user_lines()))
    assert export_stream(stream="users", actor=SYSTEM) == []


def test_users_go_whole_when_somebody_asks_for_it(peer: Peer, people: list[User]) -> None:
    _applied(peer)
    _rename(people[1], "Bobby")
    whole = _export(full=True)
    assert (whole.mode, whole.record_count) == ("snapshot", 5)


def test_users_go_whole_when_the_peer_has_nothing_or_something_unknown(peer: Peer, people: list[User]) -> None:
    first = _export()
    _rename(people[1], "Bobby")
    assert _export().mode == "snapshot"
    _tell(peer, first.seq - 1, new_id())
    _rename(people[1], "Rob")
    assert _export().mode == "snapshot"


def test_users_go_whole_when_the_peer_lists_a_bundle_of_this_site_under_another_version(
    peer: Peer, people: list[User]
) -> None:
    base = _applied(peer)
    _tell(peer, base.seq - 1, base.batch_id)
    _rename(people[1], "Bobby")
    assert _export().mode == "snapshot"


def test_users_go_whole_when_the_peer_refused_a_delta_for_its_base_and_deltas_again_afterwards(
    peer: Peer, people: list[User]
) -> None:
    base = _applied(peer)
    _rename(people[1], "Bobby")
    delta = _export()
    refused = records.Refused(seq=delta.seq, batch_id=delta.batch_id, code="missing_base")
    _tell(peer, base.seq, base.batch_id, refused)
    answer = _export()
    assert answer.mode == "snapshot"
    # Not heard of yet, and something changes: still nothing is known there that a delta could stand on.
    _rename(people[2], "Cidney")
    answer = _export()
    assert answer.mode == "snapshot"
    _tell(peer, answer.seq, answer.batch_id)
    _rename(people[3], "Danny")
    assert _export().mode == "delta"


def test_users_go_whole_when_a_delta_would_be_no_smaller(peer: Peer, people: list[User]) -> None:
    _applied(peer)
    for person in people:
        _rename(person, person.username.title())
    assert _export().mode == "snapshot"


def test_nothing_goes_when_a_change_was_taken_back_before_anybody_exported(peer: Peer, people: list[User]) -> None:
    _applied(peer)
    _rename(people[1], "Bobby")
    _rename(people[1], "")
    assert export_stream(stream="users", actor=SYSTEM) == []


def test_delta_without_a_record_goes_when_the_newest_is_lost_and_nothing_has_changed(
    peer: Peer, people: list[User]
) -> None:
    base = _applied(peer)
    _rename(people[1], "Bobby")
    lost = _export()
    _tell(peer, base.seq, base.batch_id)
    Path(ExportBatch.objects.get(pk=lost.batch_id).file_path).unlink()
    _rename(people[1], "")
    User.objects.update(dirty=False, sent_seq=base.seq)
    empty = _export()
    header, names = _read(peer, empty)
    assert (header.mode, names, header.digest) == ("delta", [], snapshot_digest(user_lines()))


def test_delta_for_an_older_peer_has_the_digest_of_its_schema(peer: Peer, people: list[User], monkeypatch: Any) -> None:
    _applied(peer)
    _rename(people[1], "Bobby")
    digest = snapshot_digest(user_lines())
    with upgraded("users") as shapes:
        newest = shapes["User"]

        def encode(record: records.Record) -> bytes:
            fields = {name: getattr(record, name) for name in record.__struct_fields__}
            return encode_record(newest(**fields, colour="red"))

        monkeypatch.setattr("common_apps.accounts.streams.encode_record", encode)
        delta = _export()
        assert export_stream(stream="users", actor=SYSTEM) == []
    header, names = _read(peer, delta)
    assert (header.schema, header.mode, names, header.digest) == (1, "delta", ["bob"], digest)
    # The peer is upgraded, too: now the colours go.
    with upgraded("users"):
        peer.tell(
            records.State(stream="users", seq=delta.seq, batch_id=delta.batch_id, refused=None), hello={"max_schema": 2}
        )
        scan_imports(actor=SYSTEM)
        header, _ = _read(peer, _export())
    assert header.schema == 2
