"""Keys are replaced across the gap: announced in holdings, used when the other site knows, retired when it may."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from common_apps.audit.actors import SYSTEM
from common_apps.audit.models import AuditLog
from common_apps.core import failpoints
from common_apps.core.errors import DomainError
from common_apps.core.ids import new_id
from common_apps.transfer.bundle import records
from common_apps.transfer.bundle.header import MAX_SEQ, AnnouncedBox, AnnouncedSigning, Hello
from common_apps.transfer.bundle.keypairs import BoxKey, Kem, SigningKey
from common_apps.transfer.failpoints import KEY_POINTS
from common_apps.transfer.folders import site_folders
from common_apps.transfer.keys import KeyFolder, TrustError, read_public_file
from common_apps.transfer.keys.changes import add_box_key, add_signing_key, confirm_peer_key
from common_apps.transfer.keys.peers import encode_key
from common_apps.transfer.models import AppliedState, DayCounter, ExportBatch, ImportBatch
from common_apps.transfer.models import Peer as PeerRow
from common_apps.transfer.services import export_stream, scan_imports
from common_apps.transfer.services.key_changes import (
    confirm_signing_key,
    export_public_keys,
    revoke_signing_key,
    rotate_box_key,
    rotate_signing_key,
    trust_keys,
)
from common_apps.transfer.services.key_listing import list_keys, unconfirmed_keys
from common_apps.transfer.services.key_retirement import retire_keys
from common_apps.transfer.services.peer import site_keys
from common_apps.transfer.services.versions import FARTHEST
from tests.common.transfer.kit import NOON, Peer, RowsReceiver, RowsSender, log_line

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _nothing_armed() -> Iterator[None]:
    yield
    failpoints.disarm()


@pytest.fixture
def here(peer: Peer, settings: Any) -> KeyFolder:
    """This site's key folder."""
    return KeyFolder(Path(settings.KEY_DIR))


def _scan() -> list[tuple[str, str | None]]:
    return [(each.outcome, each.code) for each in scan_imports(actor=SYSTEM)]


def _holdings() -> int:
    """Writes this site's holdings; their version."""
    (outcome,) = export_stream(stream="holdings", actor=SYSTEM)
    return outcome.seq


def _hello_of(peer: Peer) -> Hello:
    """What this site's newest holdings say, as the peer reads it."""
    newest = ExportBatch.objects.filter(batch_type="holdings", status="completed").latest("seq")
    header, _ = peer.read(Path(newest.file_path))
    assert header.hello is not None
    return header.hello


def _tell(peer: Peer, *listed: records.Record, **options: Any) -> None:
    """The peer's holdings with all of its present keys, heeded here."""
    hello = {
        "box": [_box(key) for key in peer.keys.box_keys() if key.status != "retired"],
        "signing": [_signing(key) for key in peer.keys.signing_keys()],
        "trusts": [key.fingerprint for key in peer.keys.peer(peer.here).signing if key.believed],
    }
    peer.tell(*listed, hello=hello | options.pop("hello", {}), **options)
    assert _scan() == [("completed", None)]


def _box(key: BoxKey) -> AnnouncedBox:
    return AnnouncedBox(version=key.version, kem=key.kem, public=encode_key(key.public_key.public))


def _signing(key: SigningKey) -> AnnouncedSigning:
    return AnnouncedSigning(version=key.version, public=encode_key(key.public))


def _pass_days(count: int) -> None:
    DayCounter.objects.update(days=DayCounter.objects.get().days + count)


def _actions() -> list[str]:
    return list(AuditLog.objects.filter(action__startswith="keys.").order_by("id").values_list("action", flat=True))


@pytest.mark.parametrize("kem", Kem)
def test_new_box_key_is_announced_and_the_old_one_still_decrypts(
    here: KeyFolder, peer: Peer, receiver: RowsReceiver, received: str, kem: Kem
) -> None:
    old = here.box_key()
    _holdings()
    public = rotate_box_key(actor=SYSTEM, kem=kem)
    assert (public.box.version, public.box.kem) == ("v2", kem)
    # A changed hello is worth new holdings.
    _holdings()
    assert [(each.version, each.kem) for each in _hello_of(peer).box] == [("v2", kem), ("v1", "x25519")]
    for recipient in (old.public_key, here.box_key().public_key):
        peer.write(received, [log_line(received)], recipient=recipient)
    assert _scan() == [("completed", None), ("completed", None)]
    assert [key.status for key in here.box_keys()] == ["active", "decrypt_only"]
    assert _actions() == ["keys.box_rotated"]


def test_peers_new_box_key_is_written_to_once_it_is_announced(peer: Peer, sender: RowsSender, sent: str) -> None:
    _tell(peer)
    sender.add()
    (first,) = export_stream(stream=sent, actor=SYSTEM)
    add_box_key(peer.keys, created_at=NOON, kem=Kem.MLKEM768_X25519)
    # What it can still read goes again as it is.
    _tell(peer)
    batch = ExportBatch.objects.get(pk=first.batch_id)
    assert batch.superseded_at is None
    sender.add()
    (second,) = export_stream(stream=sent, actor=SYSTEM)
    header, _ = peer.read(Path(ExportBatch.objects.get(pk=second.batch_id).file_path))
    assert header.box_key == peer.keys.box_key().public_key.box_key
    # The old one is retired there: what was written to it goes again under the new one.
    _tell(peer, hello={"box": [_box(peer.keys.box_key())]})
    batch.refresh_from_db()
    assert batch.superseded_at is not None
    (third,) = export_stream(stream=sent, actor=SYSTEM)
    header, lines = peer.read(Path(ExportBatch.objects.get(pk=third.batch_id).file_path))
    assert (header.box_key, len(lines)) == (peer.keys.box_key().public_key.box_key, 1)


def test_box_key_is_retired_30_days_after_the_peer_has_heard_of_the_new_one(
    here: KeyFolder, peer: Peer, receiver: RowsReceiver, received: str
) -> None:
    old = here.box_key().public_key
    before = _holdings()
    _tell(peer, hello={"heard": before})
    rotate_box_key(actor=SYSTEM)
    announced = _holdings()
    assert retire_keys() == 0
    _pass_days(40)
    assert retire_keys() == 0, "the peer has not heard of it"
    _tell(peer, hello={"heard": announced})
    assert retire_keys() == 0
    _pass_days(29)
    assert retire_keys() == 0
    _pass_days(1)
    assert retire_keys() == 1
    assert retire_keys() == 0
    assert [key.status for key in here.box_keys()] == ["active", "retired"]
    _holdings()
    assert [each.version for each in _hello_of(peer).box] == ["v2"]
    peer.write(received, [log_line(received)], recipient=old)
    assert _scan() == [("dropped", "unknown_key")]


def test_bundle_waits_for_its_key_and_is_applied_when_the_key_is_put_back(
    here: KeyFolder, peer: Peer, receiver: RowsReceiver, received: str, tmp_path: Path
) -> None:
    backup = tmp_path / "backup"
    shutil.copytree(here.path, backup)
    rotate_box_key(actor=SYSTEM)
    peer.write(received, [log_line(received)])
    newest = tmp_path / "newest"
    here.path.rename(newest)
    backup.rename(here.path)
    assert _scan() == [("waiting_key", "waiting_key")]
    assert _scan() == [("waiting_key", "waiting_key")]
    assert receiver.arrived() == set()
    here.path.rename(tmp_path / "away")
    newest.rename(here.path)
    assert _scan() == [("completed", None)]
    assert len(receiver.arrived()) == 1


def test_bundle_is_dropped_when_it_has_waited_30_days_and_waits_anew_when_it_comes_again(
    peer: Peer, receiver: RowsReceiver, received: str
) -> None:
    stranger = BoxKey.generate(version="v9", kem=Kem.X25519).public_key
    written = peer.write(received, [log_line(received)], recipient=stranger)
    kept = written.path.read_bytes(), written.path.with_name(f"{written.path.name}.meta.json").read_bytes()
    assert _scan() == [("waiting_key", "waiting_key")]
    _pass_days(29)
    assert _scan() == [("waiting_key", "waiting_key")]
    _pass_days(1)
    assert _scan() == [("dropped", "waiting_key")]
    assert not written.path.exists()
    written.path.write_bytes(kept[0])
    written.path.with_name(f"{written.path.name}.meta.json").write_bytes(kept[1])
    assert _scan() == [("waiting_key", "waiting_key")]
    assert ImportBatch.objects.count() == 1


def test_restored_key_folder_is_told_so_that_what_waits_goes_again(
    here: KeyFolder, peer: Peer, receiver: RowsReceiver, received: str, tmp_path: Path
) -> None:
    """The sender's half of it is test_peers_new_box_key_is_written_to_once_it_is_announced."""
    shutil.copytree(here.path, tmp_path / "backup")
    rotate_box_key(actor=SYSTEM)
    _holdings()
    peer.write(received, [log_line(received)])
    shutil.rmtree(here.path)
    (tmp_path / "backup").rename(here.path)
    assert _scan() == [("waiting_key", "waiting_key")]
    _holdings()
    told = _hello_of(peer)
    assert [each.public for each in told.box] == [encode_key(here.box_key().public_key.public)]
    # The next one after the restored v1 is a v2 again, and another key.
    assert rotate_box_key(actor=SYSTEM).box.version == "v2"


def test_new_signing_key_is_announced_and_used_once_the_peer_trusts_it(
    here: KeyFolder, peer: Peer, sender: RowsSender, sent: str
) -> None:
    _tell(peer)
    old = here.signing_key()
    public = rotate_signing_key(actor=SYSTEM)
    assert public.signing_version == "v2"
    _holdings()
    told = _hello_of(peer)
    assert [each.version for each in told.signing] == ["v2", "v1"]
    assert ExportBatch.objects.latest("seq").signer == old.fingerprint
    sender.add()
    (first,) = export_stream(stream=sent, actor=SYSTEM)
    assert ExportBatch.objects.get(pk=first.batch_id).signer == old.fingerprint
    # The peer's operator has confirmed it.
    assert confirm_peer_key(peer.keys, peer.here, base64.b64decode(told.signing[0].public))
    _tell(peer)
    # What the old one signed is still believed there.
    assert ExportBatch.objects.get(pk=first.batch_id).superseded_at is None
    sender.add()
    (second,) = export_stream(stream=sent, actor=SYSTEM)
    assert ExportBatch.objects.get(pk=second.batch_id).signer == public.fingerprint
    peer.read(Path(ExportBatch.objects.get(pk=second.batch_id).file_path))
    assert retire_keys() == 0, "the peer still believes the old one"
    _tell(peer, hello={"trusts": [public.fingerprint]})
    assert ExportBatch.objects.get(pk=first.batch_id).superseded_at is not None
    assert retire_keys() == 1
    assert [key.status for key in here.signing_keys()] == ["active", "retired"]
    # It has put back an older key folder: the retired key is the only one that it believes.
    _tell(peer, hello={"trusts": [old.fingerprint]})
    (third,) = export_stream(stream=sent, actor=SYSTEM)
    assert ExportBatch.objects.get(pk=third.batch_id).signer == old.fingerprint


def test_unheard_peer_is_written_to_with_the_newest_key_that_it_was_given(
    here: KeyFolder, peer: Peer, tmp_path: Path, transactional_db: None
) -> None:
    given = here.signing_key().fingerprint
    newest = rotate_signing_key(actor=SYSTEM).fingerprint
    _holdings()
    assert _signer() == given
    assert [key["status"] for key in _own_signing()] == ["new", "active"]
    # Its public file goes across instead.
    export_public_keys(directory=tmp_path, actor=SYSTEM)
    assert read_public_file(tmp_path / f"{here.own_site()}.pub.json").fingerprint == newest
    export_stream(stream="holdings", actor=SYSTEM, full=True)
    assert _signer() == newest
    assert [key["status"] for key in _own_signing()] == ["active", "active"]


def test_confirmed_signing_key_signs_on_when_the_database_forgets_the_peer(
    here: KeyFolder, peer: Peer, transactional_db: None
) -> None:
    given = here.signing_key().fingerprint
    newest = rotate_signing_key(actor=SYSTEM).fingerprint
    _tell(peer, hello={"trusts": [newest, given]})
    assert [key["status"] for key in _own_signing()] == ["active", "active"], "people see it at once"
    assert [key.status for key in here.signing_keys()] == ["new", "active"]
    assert retire_keys() == 0
    assert [key.status for key in here.signing_keys()] == ["active", "active"]
    assert AuditLog.objects.filter(action="keys.confirmed", resource_id=here.own_site()).count() == 1
    PeerRow.objects.all().delete()
    _holdings()
    assert _signer() == newest


def _own_signing() -> list[dict[str, Any]]:
    return [row for row in list_keys() if row["use"] == "signing" and row["site"] == site_keys().own_site()]


def test_signing_key_is_one_that_also_late_holdings_trust_until_newer_ones_come(
    here: KeyFolder, peer: Peer, transactional_db: None
) -> None:
    old = here.signing_key()
    new = rotate_signing_key(actor=SYSTEM).fingerprint
    both = {"trusts": [new, old.fingerprint]}
    _tell(peer, hello=both, seq=100)
    _holdings()
    assert _signer() == new
    # Its key folder and its clock went back: it believes the old key alone, and its version is not believed.
    late = peer.tell(hello={"trusts": [old.fingerprint]}, seq=50)
    files = {path: path.read_bytes() for path in late.path.parent.glob(f"{late.path.name}*")}
    assert _scan() == [("dropped", "rolled_back")]
    _holdings()
    assert _signer() == old.fingerprint
    # From the holdings that it can read now it has learnt which version is.
    _tell(peer, hello=both, seq=101)
    export_stream(stream="holdings", actor=SYSTEM, full=True)
    assert _signer() == new
    # The late ones once more say nothing new, and keys that it has given up are not used again.
    for path, data in files.items():
        path.write_bytes(data)
    assert _scan() == [("dropped", "rolled_back")]
    export_stream(stream="holdings", actor=SYSTEM, full=True)
    assert _signer() == new
    _tell(peer, hello={"trusts": [new]}, seq=102)
    peer.tell(hello={"trusts": [old.fingerprint]}, seq=51)
    assert _scan() == [("dropped", "rolled_back")]
    export_stream(stream="holdings", actor=SYSTEM, full=True)
    assert _signer() == new


def _signer() -> str:
    """Who has signed this site's newest holdings."""
    return ExportBatch.objects.filter(batch_type="holdings", status="completed").latest("seq").signer


def test_announced_key_is_told_once_and_believed_only_when_confirmed(
    here: KeyFolder, peer: Peer, receiver: RowsReceiver, received: str
) -> None:
    _tell(peer)
    assert unconfirmed_keys() == []
    old, new = peer.keys.signing_key(), add_signing_key(peer.keys, created_at=NOON)
    _tell(peer, signing=old)
    _tell(peer, signing=old)
    (row,) = unconfirmed_keys()
    assert (row["version"], row["fingerprint"], len(row["words"].split())) == ("v2", new.fingerprint, 32)
    assert AuditLog.objects.filter(action="peer.key_announced").count() == 1
    written = peer.write(received, [log_line(received)], signing=new)
    assert _scan() == [("quarantined", "bad_signature")]
    _holdings()
    assert _hello_of(peer).trusts == [old.fingerprint]
    confirm_signing_key(fingerprint=new.fingerprint.upper(), actor=SYSTEM)
    assert unconfirmed_keys() == []
    _holdings()
    assert _hello_of(peer).trusts == [new.fingerprint, old.fingerprint]
    # The file is judged anew when it comes again.
    (site_folders().quarantine / f"{written.checksum}.enc").rename(written.path)
    peer.write(received, [log_line(received)], signing=old)
    from common_apps.transfer.bundle.writer import write_sidecar

    write_sidecar(written)
    assert sorted(_scan()) == [("completed", None), ("completed", None)]
    assert _actions() == ["keys.confirmed"]
    confirm_signing_key(fingerprint=new.fingerprint, actor=SYSTEM)
    assert _actions() == ["keys.confirmed"], "nothing was changed"


def test_replaced_key_is_believed_for_60_days_and_can_be_confirmed_again(
    here: KeyFolder, peer: Peer, receiver: RowsReceiver, received: str
) -> None:
    old, new = peer.keys.signing_key(), add_signing_key(peer.keys, created_at=NOON)
    _tell(peer, signing=old)
    confirm_signing_key(fingerprint=new.fingerprint, actor=SYSTEM)
    assert retire_keys() == 0
    _pass_days(59)
    assert retire_keys() == 0
    peer.write(received, [log_line(received)], signing=old)
    assert _scan() == [("completed", None)]
    _pass_days(1)
    assert retire_keys() == 1
    peer.write(received, [log_line(received)], signing=old)
    assert _scan() == [("quarantined", "bad_signature")]
    _holdings()
    assert _hello_of(peer).trusts == [new.fingerprint]
    # The peer had to put back a key folder from before: its old key is compared and confirmed anew.
    _tell(peer, signing=new)
    assert [row["fingerprint"] for row in unconfirmed_keys()] == [old.fingerprint]
    confirm_signing_key(fingerprint=old.fingerprint, actor=SYSTEM)
    peer.write(received, [log_line(received)], signing=old)
    assert _scan() == [("completed", None)]


def test_days_of_a_replaced_key_begin_anew_when_it_was_needed_again(here: KeyFolder, peer: Peer) -> None:
    old, new = peer.keys.signing_key(), add_signing_key(peer.keys, created_at=NOON)
    _tell(peer, signing=old)
    confirm_signing_key(fingerprint=new.fingerprint, actor=SYSTEM)
    retire_keys()
    _pass_days(50)
    confirm_signing_key(fingerprint=old.fingerprint, actor=SYSTEM)
    retire_keys()
    confirm_signing_key(fingerprint=new.fingerprint, actor=SYSTEM)
    retire_keys()
    _pass_days(50)
    assert retire_keys() == 0
    _pass_days(10)
    assert retire_keys() == 1


def test_revoked_key_is_never_believed_again_and_its_hello_is_forgotten(
    here: KeyFolder, peer: Peer, receiver: RowsReceiver, received: str, sender: RowsSender, sent: str
) -> None:
    old, new = peer.keys.signing_key(), add_signing_key(peer.keys, created_at=NOON)
    thief = BoxKey.generate(version="v7", kem=Kem.X25519)
    _tell(peer, signing=old)
    confirm_signing_key(fingerprint=new.fingerprint, actor=SYSTEM)
    # A thief of the old key announces a box key of its own.
    _tell(peer, signing=old, seq=10**15, hello={"box": [_box(thief)]})
    revoke_signing_key(fingerprint=old.fingerprint, actor=SYSTEM)
    revoke_signing_key(fingerprint=old.fingerprint, actor=SYSTEM)
    assert _actions() == ["keys.confirmed", "keys.revoked"]
    peer.write(received, [log_line(received)], signing=old)
    assert _scan() == [("quarantined", "bad_signature")]
    sender.add()
    (first,) = export_stream(stream=sent, actor=SYSTEM)
    header, _ = peer.read(Path(ExportBatch.objects.get(pk=first.batch_id).file_path))
    assert header.box_key == here.peer(peer.site).box.box_key
    # The hello of the peer itself counts again, whatever version the thief gave.
    peer.tell(seq=5, hello={"box": [_box(peer.keys.box_key())]}, signing=new)
    assert _scan() == [("dropped", "rolled_back")]
    assert PeerRow.objects.get().hello_signer == new.fingerprint
    with pytest.raises(TrustError, match="revoked"):
        confirm_signing_key(fingerprint=old.fingerprint, actor=SYSTEM)


def test_announced_key_can_be_refused_for_ever(here: KeyFolder, peer: Peer) -> None:
    old, new = peer.keys.signing_key(), add_signing_key(peer.keys, created_at=NOON)
    _tell(peer, signing=old)
    revoke_signing_key(fingerprint=new.fingerprint, actor=SYSTEM)
    assert unconfirmed_keys() == []
    with pytest.raises(TrustError, match="revoked"):
        confirm_signing_key(fingerprint=new.fingerprint, actor=SYSTEM)
    assert [key.fingerprint for key in here.peer(peer.site).signing if key.believed] == [old.fingerprint]


def test_keys_that_nobody_announced_are_refused(here: KeyFolder, peer: Peer) -> None:
    for act in (confirm_signing_key, revoke_signing_key):
        with pytest.raises(DomainError, match="announced no signing key"):
            act(fingerprint="ab" * 32, actor=SYSTEM)
    with pytest.raises(DomainError, match="key of this site"):
        revoke_signing_key(fingerprint=here.signing_key().fingerprint, actor=SYSTEM)
    _tell(peer, hello={"signing": [_signing(here.signing_key()), _signing(peer.keys.signing_key())]})
    with pytest.raises(TrustError, match="key of this site"):
        confirm_signing_key(fingerprint=here.signing_key().fingerprint, actor=SYSTEM)


_ZERO = AnnouncedBox(version="v9", kem="x25519", public=encode_key(bytes(32)))
_UNKNOWN = AnnouncedBox(version="v8", kem="rot13", public=encode_key(bytes(32)))
_BROKEN = AnnouncedBox(version="v7", kem="mlkem768-x25519", public=encode_key(b"\xff" * 1216))


def test_export_goes_on_when_announced_box_keys_can_not_be_used(peer: Peer, sender: RowsSender, sent: str) -> None:
    sound = [_box(peer.keys.box_key())]
    for number, (box, alarmed) in enumerate(
        [([_ZERO], 1), ([_ZERO, _UNKNOWN, _BROKEN, *sound], 2), ([_UNKNOWN, *sound], 2), ([_BROKEN, _ZERO], 3)], 1
    ):
        _tell(peer, hello={"box": box})
        assert AuditLog.objects.filter(action="peer.box_key_unusable").count() == alarmed
        sender.add()
        (outcome,) = export_stream(stream=sent, actor=SYSTEM)
        _, lines = peer.read(Path(ExportBatch.objects.get(pk=outcome.batch_id).file_path))
        assert (outcome.seq, len(lines)) == (number, 1)
    # Whatever the peer could read before goes again as it is.
    assert ExportBatch.objects.filter(superseded_at__isnull=False, batch_type=sent).count() == 0


def test_sixteen_keys_are_told_when_there_are_more(here: KeyFolder, peer: Peer) -> None:
    _tell(peer)
    for _ in range(17):
        rotate_box_key(actor=SYSTEM, kem=Kem.MLKEM768_X25519)
        rotate_signing_key(actor=SYSTEM)
    _holdings()
    told = _hello_of(peer)
    assert [each.version for each in told.box] == [f"v{number}" for number in range(18, 2, -1)]
    assert [each.version for each in told.signing] == [f"v{number}" for number in range(18, 2, -1)]


def test_exports_go_on_when_the_peer_names_versions_that_can_not_be(peer: Peer, settings: Any) -> None:
    first = _holdings()
    _tell(peer, hello={"heard": MAX_SEQ}, seq=100)
    assert AuditLog.objects.filter(action="peer.unbelievable_version").count() == 1
    assert PeerRow.objects.get().heard == 0
    (outcome,) = export_stream(stream="holdings", actor=SYSTEM, full=True)
    assert outcome.seq < first + 10**9
    # The farthest that is believed leaves room for ever.
    _tell(peer, hello={"heard": FARTHEST}, seq=101)
    assert _holdings() == FARTHEST + 1
    _tell(peer, hello={"heard": FARTHEST + 1}, seq=102)
    assert PeerRow.objects.get().heard == FARTHEST + 1


def test_states_go_on_when_the_peer_lists_a_version_that_can_not_be(peer: Peer, settings: Any) -> None:
    from common_apps.transfer.registry import state_senders

    mine = [stream for stream in state_senders if stream != "holdings"]
    for stream in mine:
        export_stream(stream=stream, actor=SYSTEM)
        named: Any = stream
        _tell(peer, records.State(stream=named, seq=MAX_SEQ, batch_id=new_id(), refused=None))
        assert len(export_stream(stream=stream, actor=SYSTEM, full=True)) == 1
    assert not ExportBatch.objects.filter(seq__gt=FARTHEST).exists()


def test_holdings_of_a_version_that_can_not_be_are_refused_and_later_ones_heeded(peer: Peer) -> None:
    _tell(peer, seq=50)
    peer.tell(seq=MAX_SEQ, hello={"box": [_box(BoxKey.generate(version="v5", kem=Kem.X25519))]})
    assert _scan() == [("quarantined", "bad_header")]
    assert (PeerRow.objects.get().hello_seq, AppliedState.objects.get(stream="holdings").seq) == (50, 50)
    _tell(peer, seq=51)


def test_states_fall_silent_when_the_peer_trusts_no_key_of_this_site(peer: Peer) -> None:
    from common_apps.transfer.registry import state_senders

    _tell(peer, hello={"trusts": []})
    for stream in state_senders:
        export_stream(stream=stream, actor=SYSTEM)
        assert export_stream(stream=stream, actor=SYSTEM) == []


def test_both_sites_find_together_when_both_lost_all_keys(
    here: KeyFolder, peer: Peer, sender: RowsSender, sent: str, receiver: RowsReceiver, received: str
) -> None:
    _tell(peer)
    sender.add()
    (lost,) = export_stream(stream=sent, actor=SYSTEM)
    _holdings()
    for folder in (here, peer.keys):
        shutil.rmtree(folder.path)
    here.generate(site=peer.here, created_at=NOON)  # type: ignore[arg-type]  # a site's name
    peer.keys.generate(site=peer.site, created_at=NOON)  # type: ignore[arg-type]  # a site's name
    assert trust_keys(public=peer.keys.public_keys(), actor=SYSTEM)
    peer.keys.trust(here.public_keys())
    _holdings()
    told = _hello_of(peer)
    assert told.trusts == [peer.keys.signing_key().fingerprint]
    _tell(peer)
    assert ExportBatch.objects.get(pk=lost.batch_id).superseded_at is not None
    (again,) = export_stream(stream=sent, actor=SYSTEM)
    _, lines = peer.read(Path(ExportBatch.objects.get(pk=again.batch_id).file_path))
    assert len(lines) == 1
    peer.write(received, [log_line(received)])
    assert _scan() == [("completed", None)]


_CHANGES: dict[str, Callable[[KeyFolder, Peer], Any]] = {
    "box": lambda here, peer: rotate_box_key(actor=SYSTEM),
    "signing": lambda here, peer: rotate_signing_key(actor=SYSTEM),
    "confirm": lambda here, peer: confirm_signing_key(fingerprint=peer.keys.signing_key().fingerprint, actor=SYSTEM),
    "revoke": lambda here, peer: revoke_signing_key(fingerprint=peer.keys.signing_keys()[-1].fingerprint, actor=SYSTEM),
    "retire": lambda here, peer: retire_keys(),
}


_PASSED = {
    "box": ["keys.box_written", "keys.changed"],
    "signing": ["keys.signing_written", "keys.changed"],
    "confirm": ["keys.trust_written", "keys.changed"],
    "revoke": ["keys.trust_written", "keys.changed"],
    "retire": ["keys.retired", "keys.trust_written", "keys.changed"],
}


@pytest.mark.parametrize(
    ("change", "armed"),
    [(change, f"{point}=crash") for change, points in _PASSED.items() for point in points]
    + [("box", "keys.box_written=eio"), ("retire", "keys.retired=enospc"), ("retire", "keys.changed@2=crash")],
)
def test_key_folder_is_usable_and_the_work_can_be_done_again_when_a_process_dies(
    here: KeyFolder, peer: Peer, receiver: RowsReceiver, received: str, change: str, armed: str
) -> None:
    old = peer.keys.signing_key()
    add_signing_key(peer.keys, created_at=NOON)
    rotate_box_key(actor=SYSTEM)
    announced = _holdings()
    _tell(peer, signing=old, hello={"heard": announced})
    if change == "retire":
        confirm_signing_key(fingerprint=peer.keys.signing_key().fingerprint, actor=SYSTEM)
        retire_keys()
        _pass_days(60)
    failpoints.arm(armed)
    with pytest.raises((failpoints.Crash, OSError)):
        _CHANGES[change](here, peer)
    # What there is can be read, announced and written to.
    newest = here.box_key()
    assert newest.version == here.box_keys()[0].version
    peer.write(received, [log_line(received)], recipient=newest.public_key, signing=peer.keys.signing_key())
    (outcome,) = _scan()
    assert outcome in (("completed", None), ("quarantined", "bad_signature"))
    export_stream(stream="holdings", actor=SYSTEM)
    assert _hello_of(peer).box[0].public == encode_key(newest.public_key.public)
    # The same again, as a person would, or the next day's step.
    _CHANGES[change](here, peer)
    retire_keys()
    statuses = [key.status for key in here.box_keys()]
    assert statuses[0] == "active" and "active" not in statuses[1:]
    trusted = {key.fingerprint: key.status for key in here.peer(peer.site).signing}
    if change == "confirm":
        assert list(trusted.values()) == ["active", "retiring"]
    if change == "revoke":
        assert trusted[old.fingerprint] == "revoked"
    if change == "retire":
        assert (statuses, list(trusted.values())) == (["active", "retired"], ["active", "retired"])


def test_every_failpoint_of_keys_is_tried() -> None:
    assert {point for points in _PASSED.values() for point in points} == set(KEY_POINTS)


def test_list_shows_public_facts_only(here: KeyFolder, peer: Peer) -> None:
    _tell(peer)
    rows = list_keys()
    private = {encode_key(key.private) for key in (*here.signing_keys(), *here.box_keys())}
    assert not any(secret in json.dumps(rows) for secret in private)
    assert [(row["site"], row["use"], row["status"]) for row in rows] == [
        (peer.here, "signing", "active"),
        (peer.here, "box", "active"),
        (peer.site, "signing", "trusted, active"),
        (peer.site, "box", "in use"),
    ]
