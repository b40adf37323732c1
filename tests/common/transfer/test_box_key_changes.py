"""Box keys are replaced across the gap: announced in holdings, written to when the peer knows, retired when it may."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from common_apps.audit.actors import SYSTEM
from common_apps.transfer.bundle.keypairs import BoxKey, Kem
from common_apps.transfer.keys import KeyFolder
from common_apps.transfer.keys.changes import add_box_key
from common_apps.transfer.keys.peers import encode_key
from common_apps.transfer.models import ExportBatch, ImportBatch
from common_apps.transfer.services import export_stream
from common_apps.transfer.services.key_changes import (
    rotate_box_key,
)
from common_apps.transfer.services.key_retirement import retire_keys
from tests.common.transfer.key_kit import announced_box, hello_of, key_actions, tell, write_holdings
from tests.common.transfer.kit import NOON, Peer, RowsReceiver, RowsSender, log_line, pass_days, scan

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("kem", Kem)
def test_new_box_key_is_announced_and_the_old_one_still_decrypts(
    here: KeyFolder, peer: Peer, receiver: RowsReceiver, received: str, kem: Kem
) -> None:
    old = here.box_key()
    write_holdings()
    public = rotate_box_key(actor=SYSTEM, kem=kem)
    assert (public.box.version, public.box.kem) == ("v2", kem)
    # A changed hello is worth new holdings.
    write_holdings()
    assert [(each.version, each.kem) for each in hello_of(peer).box] == [("v2", kem), ("v1", "x25519")]
    for recipient in (old.public_key, here.box_key().public_key):
        peer.write(received, [log_line(received)], recipient=recipient)
    assert scan() == [("completed", None), ("completed", None)]
    assert [key.status for key in here.box_keys()] == ["active", "decrypt_only"]
    assert key_actions() == ["keys.box_rotated"]


def test_peers_new_box_key_is_written_to_once_it_is_announced(peer: Peer, sender: RowsSender, sent: str) -> None:
    tell(peer)
    sender.add()
    (first,) = export_stream(stream=sent, actor=SYSTEM)
    add_box_key(peer.keys, created_at=NOON, kem=Kem.MLKEM768_X25519)
    # What it can still read goes again as it is.
    tell(peer)
    batch = ExportBatch.objects.get(pk=first.batch_id)
    assert batch.superseded_at is None
    sender.add()
    (second,) = export_stream(stream=sent, actor=SYSTEM)
    header, _ = peer.read(Path(ExportBatch.objects.get(pk=second.batch_id).file_path))
    assert header.box_key == peer.keys.box_key().public_key.box_key
    # The old one is retired there: what was written to it goes again under the new one.
    tell(peer, hello={"box": [announced_box(peer.keys.box_key())]})
    batch.refresh_from_db()
    assert batch.superseded_at is not None
    (third,) = export_stream(stream=sent, actor=SYSTEM)
    header, lines = peer.read(Path(ExportBatch.objects.get(pk=third.batch_id).file_path))
    assert (header.box_key, len(lines)) == (peer.keys.box_key().public_key.box_key, 1)


def test_box_key_is_retired_30_days_after_the_peer_has_heard_of_the_new_one(
    here: KeyFolder, peer: Peer, receiver: RowsReceiver, received: str
) -> None:
    old = here.box_key().public_key
    before = write_holdings()
    tell(peer, hello={"heard": before})
    rotate_box_key(actor=SYSTEM)
    announced = write_holdings()
    assert retire_keys() == 0
    pass_days(40)
    assert retire_keys() == 0, "the peer has not heard of it"
    tell(peer, hello={"heard": announced})
    assert retire_keys() == 0
    pass_days(29)
    assert retire_keys() == 0
    pass_days(1)
    assert retire_keys() == 1
    assert retire_keys() == 0
    assert [key.status for key in here.box_keys()] == ["active", "retired"]
    write_holdings()
    assert [each.version for each in hello_of(peer).box] == ["v2"]
    peer.write(received, [log_line(received)], recipient=old)
    assert scan() == [("dropped", "unknown_key")]


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
    assert scan() == [("waiting_key", "waiting_key")]
    assert scan() == [("waiting_key", "waiting_key")]
    assert receiver.arrived() == set()
    here.path.rename(tmp_path / "away")
    newest.rename(here.path)
    assert scan() == [("completed", None)]
    assert len(receiver.arrived()) == 1


def test_bundle_is_dropped_when_it_has_waited_30_days_and_waits_anew_when_it_comes_again(
    peer: Peer, receiver: RowsReceiver, received: str
) -> None:
    stranger = BoxKey.generate(version="v9", kem=Kem.X25519).public_key
    written = peer.write(received, [log_line(received)], recipient=stranger)
    kept = written.path.read_bytes(), written.path.with_name(f"{written.path.name}.meta.json").read_bytes()
    assert scan() == [("waiting_key", "waiting_key")]
    pass_days(29)
    assert scan() == [("waiting_key", "waiting_key")]
    pass_days(1)
    assert scan() == [("dropped", "waiting_key")]
    assert not written.path.exists()
    written.path.write_bytes(kept[0])
    written.path.with_name(f"{written.path.name}.meta.json").write_bytes(kept[1])
    assert scan() == [("waiting_key", "waiting_key")]
    assert ImportBatch.objects.count() == 1


def test_restored_key_folder_is_told_so_that_what_waits_goes_again(
    here: KeyFolder, peer: Peer, receiver: RowsReceiver, received: str, tmp_path: Path
) -> None:
    """The sender's half of it is test_peers_new_box_key_is_written_to_once_it_is_announced."""
    shutil.copytree(here.path, tmp_path / "backup")
    rotate_box_key(actor=SYSTEM)
    write_holdings()
    peer.write(received, [log_line(received)])
    shutil.rmtree(here.path)
    (tmp_path / "backup").rename(here.path)
    assert scan() == [("waiting_key", "waiting_key")]
    write_holdings()
    told = hello_of(peer)
    assert [each.public for each in told.box] == [encode_key(here.box_key().public_key.public)]
    # The next one after the restored v1 is a v2 again, and another key.
    assert rotate_box_key(actor=SYSTEM).box.version == "v2"
