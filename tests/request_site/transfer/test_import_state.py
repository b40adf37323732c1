"""States: the greater version replaces the smaller, and nothing brings an older one back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from common_apps.accounts.models import User
from common_apps.accounts.streams import USER_FIELDS
from common_apps.audit.actors import SYSTEM
from common_apps.transfer import registry
from common_apps.transfer.bundle import records, writer
from common_apps.transfer.bundle.codec import encode_record
from common_apps.transfer.folders import site_folders
from common_apps.transfer.models import AppliedState
from common_apps.transfer.selectors import quarantined
from common_apps.transfer.services import export_stream, scan_imports
from tests.common.transfer.kit import NOON, Peer, RowsReceiver, log_line
from tests.factories import make_user


class SettingsReceiver:
    """A StateReceiver that keeps what it was given."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.order: list[str] = []

    def apply_snapshot(self, found: Iterable[Any], *, import_batch_id: UUID, at: datetime) -> int:
        self.kept = {each.id: bytes(each.value) for each in found}
        self.order.append("settings")
        return len(self.kept)

    def after_commit(self, changed: int) -> None:
        self.order.append("woken")


@pytest.fixture
def replica(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> SettingsReceiver:
    toy = SettingsReceiver()
    monkeypatch.setitem(registry.state_receivers, "settings", toy)
    return toy


def _scan() -> list[tuple[str, str | None]]:
    return [(each.outcome, each.code) for each in scan_imports(actor=SYSTEM)]


def _setting(key: str, value: int) -> bytes:
    return encode_record(records.Setting(id=key, value=msgspec.Raw(str(value).encode())))


def _told(peer: Peer, stream: str = "settings") -> records.State:
    (outcome,) = export_stream(stream="holdings", actor=SYSTEM)
    _, lines = peer.read(site_folders().exports / "holdings" / outcome.file)
    (state,) = [each for each in lines if isinstance(each, records.State) and each.stream == stream]
    return state


def test_scan_applies_the_greater_version_and_drops_the_older(peer: Peer, replica: SettingsReceiver) -> None:
    newer = peer.write("settings", [_setting("a", 2)], seq=20)
    assert _scan() == [("completed", None)]
    peer.write("settings", [_setting("a", 1)], seq=19)
    assert _scan() == [("dropped", "rolled_back")]
    assert replica.kept == {"a": b"2"}
    assert replica.order == ["settings", "woken"]
    state = AppliedState.objects.get(stream="settings")
    assert (state.seq, state.batch_id, state.digest) == (20, newer.batch_id, newer.digest)
    assert _told(peer) == records.State(stream="settings", seq=20, batch_id=newer.batch_id, refused=None)


def test_scan_holds_and_tells_as_refused_when_the_digest_is_wrong(
    peer: Peer, replica: SettingsReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(writer, "_verify_part", lambda *_: None)
        patch.setattr(writer._Tally, "digest", property(lambda self: "0" * 64))
        refused = peer.write("settings", [_setting("a", 1)], seq=7)
    assert _scan() == [("quarantined", "digest_mismatch")]
    told = _told(peer)
    assert told.seq == 0
    assert told.refused == records.Refused(seq=7, batch_id=refused.batch_id, code="digest_mismatch")
    # A newer one is applied, and the refusal is no longer told.
    good = peer.write("settings", [_setting("a", 1)], seq=8)
    assert _scan() == [("completed", None)]
    assert _told(peer) == records.State(stream="settings", seq=8, batch_id=good.batch_id, refused=None)


def test_scan_drops_a_delta_with_missing_base_when_deltas_are_not_read(peer: Peer, replica: SettingsReceiver) -> None:
    peer.write("users", [], seq=3, mode="delta", digest="0" * 64)
    assert _scan() == [("dropped", "missing_base")]


def test_scan_takes_states_before_what_was_written_earlier(
    peer: Peer, replica: SettingsReceiver, receiver: RowsReceiver, received: str
) -> None:
    receiver.before = lambda: replica.order.append("log")
    peer.write(received, [log_line(received)])
    peer.write("settings", [_setting("a", 1)])
    assert _scan() == [("completed", None), ("completed", None)]
    assert replica.order == ["settings", "woken", "log"]


def test_scan_takes_a_bundle_that_lies_in_import_dir_itself(
    peer: Peer, replica: SettingsReceiver, settings: Any
) -> None:
    peer.write("settings", [_setting("a", 1)], directory=settings.IMPORT_DIR)
    assert _scan() == [("completed", None)]


def test_scan_quarantines_when_it_lies_in_another_streams_folder(
    peer: Peer, replica: SettingsReceiver, settings: Any
) -> None:
    peer.write("settings", [_setting("a", 1)], directory=settings.IMPORT_DIR / "users")
    assert _scan() == [("quarantined", "name_not_allowed")]


def test_scan_waits_when_nobody_here_takes_the_stream(
    peer: Peer, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(registry.log_receivers, "notifications", raising=False)
    line = records.Notification(
        id=uuid4(), user_id=None, level="info", title="t", body="b", created_at=NOON, expires_at=None
    )
    peer.write("notifications", [encode_record(line)])
    assert _scan() == [("waiting_schema", "waiting_schema")]


def test_scan_tells_a_delta_without_base_as_refused_so_that_a_snapshot_comes(
    peer: Peer, transactional_db: None
) -> None:
    refused = peer.write("users", [], seq=3, mode="delta", digest="0" * 64)
    assert _scan() == [("dropped", "missing_base")]
    told = _told(peer, "users")
    assert (told.seq, told.refused) == (0, records.Refused(seq=3, batch_id=refused.batch_id, code="missing_base"))


def test_scan_forgets_a_refused_state_when_its_quarantined_file_is_gone(
    peer: Peer, replica: SettingsReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(writer, "_verify_part", lambda *_: None)
        patch.setattr(writer._Tally, "digest", property(lambda self: "0" * 64))
        peer.write("settings", [_setting("a", 1)], seq=7)
    assert _scan() == [("quarantined", "digest_mismatch")]
    for path in site_folders().quarantine.iterdir():
        path.unlink()
    # Were it still told as refused, the other site would wait for people who have nothing to decide on.
    assert _told(peer).refused is None
    assert not quarantined().exists()


def test_scan_holds_users_and_changes_nothing_when_a_name_stands_twice(peer: Peer, transactional_db: None) -> None:
    kept = make_user("ada")
    lines = sorted(_user_line(name) for name in ("bob", "bob", "eve"))
    refused = peer.write("users", lines, seq=9)
    assert _scan() == [("quarantined", "bad_record")]
    assert [user.pk for user in User.objects.filter(is_active=True)] == [kept.pk]
    told = _told(peer, "users")
    assert told.refused == records.Refused(seq=9, batch_id=refused.batch_id, code="bad_record")


def _user_line(username: str) -> bytes:
    user = User(id=uuid4(), username=username, password="!", profile_type_id="basic")
    return encode_record(records.User(**{wire: getattr(user, name) for wire, name in USER_FIELDS.items()}))
