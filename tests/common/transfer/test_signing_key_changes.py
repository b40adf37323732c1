"""Signing keys are replaced across the gap: announced, confirmed by people, used when believed; revoked for ever."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from common_apps.audit.actors import SYSTEM
from common_apps.audit.models import AuditLog
from common_apps.core.errors import DomainError
from common_apps.transfer.bundle.keypairs import BoxKey, Kem
from common_apps.transfer.bundle.writer import write_sidecar
from common_apps.transfer.folders import site_folders
from common_apps.transfer.keys import KeyFolder, TrustError, read_public_file
from common_apps.transfer.keys.changes import add_signing_key, confirm_peer_key
from common_apps.transfer.keys.peers import encode_key
from common_apps.transfer.models import ExportBatch
from common_apps.transfer.models import Peer as PeerRow
from common_apps.transfer.services import export_stream
from common_apps.transfer.services.key_changes import (
    confirm_signing_key,
    export_public_keys,
    revoke_signing_key,
    rotate_signing_key,
)
from common_apps.transfer.services.key_listing import list_keys, unconfirmed_keys
from common_apps.transfer.services.key_retirement import retire_keys
from common_apps.transfer.services.peer import site_keys
from tests.common.transfer.key_kit import announced_box, announced_signing, hello_of, key_actions, tell, write_holdings
from tests.common.transfer.kit import NOON, Peer, RowsReceiver, RowsSender, log_line, pass_days, scan

pytestmark = pytest.mark.django_db(transaction=True)


def test_new_signing_key_is_announced_and_used_once_the_peer_trusts_it(
    here: KeyFolder, peer: Peer, sender: RowsSender, sent: str
) -> None:
    tell(peer)
    old = here.signing_key()
    public = rotate_signing_key(actor=SYSTEM)
    assert public.signing_version == "v2"
    write_holdings()
    told = hello_of(peer)
    assert [each.version for each in told.signing] == ["v2", "v1"]
    assert ExportBatch.objects.latest("seq").signer == old.fingerprint
    sender.add()
    (first,) = export_stream(stream=sent, actor=SYSTEM)
    assert ExportBatch.objects.get(pk=first.batch_id).signer == old.fingerprint
    # The peer's operator has confirmed it.
    assert confirm_peer_key(peer.keys, peer.here, base64.b64decode(told.signing[0].public))
    tell(peer)
    # What the old one signed is still believed there.
    assert ExportBatch.objects.get(pk=first.batch_id).superseded_at is None
    sender.add()
    (second,) = export_stream(stream=sent, actor=SYSTEM)
    assert ExportBatch.objects.get(pk=second.batch_id).signer == public.fingerprint
    peer.read(Path(ExportBatch.objects.get(pk=second.batch_id).file_path))
    assert retire_keys() == 0, "the peer still believes the old one"
    tell(peer, hello={"trusts": [public.fingerprint]})
    assert ExportBatch.objects.get(pk=first.batch_id).superseded_at is not None
    assert retire_keys() == 1
    assert [key.status for key in here.signing_keys()] == ["active", "retired"]
    # It has put back an older key folder: the retired key is the only one that it believes.
    tell(peer, hello={"trusts": [old.fingerprint]})
    (third,) = export_stream(stream=sent, actor=SYSTEM)
    assert ExportBatch.objects.get(pk=third.batch_id).signer == old.fingerprint


def test_unheard_peer_is_written_to_with_the_newest_key_that_it_was_given(
    here: KeyFolder, peer: Peer, tmp_path: Path, transactional_db: None
) -> None:
    given = here.signing_key().fingerprint
    newest = rotate_signing_key(actor=SYSTEM).fingerprint
    write_holdings()
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
    tell(peer, hello={"trusts": [newest, given]})
    assert [key["status"] for key in _own_signing()] == ["active", "active"], "people see it at once"
    assert [key.status for key in here.signing_keys()] == ["new", "active"]
    assert retire_keys() == 0
    assert [key.status for key in here.signing_keys()] == ["active", "active"]
    assert AuditLog.objects.filter(action="keys.confirmed", resource_id=here.own_site()).count() == 1
    PeerRow.objects.all().delete()
    write_holdings()
    assert _signer() == newest


def _own_signing() -> list[dict[str, Any]]:
    return [row for row in list_keys() if row["use"] == "signing" and row["site"] == site_keys().own_site()]


def test_signing_key_is_one_that_also_late_holdings_trust_until_newer_ones_come(
    here: KeyFolder, peer: Peer, transactional_db: None
) -> None:
    old = here.signing_key()
    new = rotate_signing_key(actor=SYSTEM).fingerprint
    both = {"trusts": [new, old.fingerprint]}
    tell(peer, hello=both, seq=100)
    write_holdings()
    assert _signer() == new
    # Its key folder and its clock went back: it believes the old key alone, and its version is not believed.
    late = peer.tell(hello={"trusts": [old.fingerprint]}, seq=50)
    files = {path: path.read_bytes() for path in late.path.parent.glob(f"{late.path.name}*")}
    assert scan() == [("dropped", "rolled_back")]
    write_holdings()
    assert _signer() == old.fingerprint
    # From the holdings that it can read now it has learnt which version is.
    tell(peer, hello=both, seq=101)
    export_stream(stream="holdings", actor=SYSTEM, full=True)
    assert _signer() == new
    # The late ones once more say nothing new, and keys that it has given up are not used again.
    for path, data in files.items():
        path.write_bytes(data)
    assert scan() == [("dropped", "rolled_back")]
    export_stream(stream="holdings", actor=SYSTEM, full=True)
    assert _signer() == new
    tell(peer, hello={"trusts": [new]}, seq=102)
    peer.tell(hello={"trusts": [old.fingerprint]}, seq=51)
    assert scan() == [("dropped", "rolled_back")]
    export_stream(stream="holdings", actor=SYSTEM, full=True)
    assert _signer() == new


def _signer() -> str:
    """Who has signed this site's newest holdings."""
    return ExportBatch.objects.filter(batch_type="holdings", status="completed").latest("seq").signer


def test_announced_key_is_told_once_and_believed_only_when_confirmed(
    here: KeyFolder, peer: Peer, receiver: RowsReceiver, received: str
) -> None:
    tell(peer)
    assert unconfirmed_keys() == []
    old, new = peer.keys.signing_key(), add_signing_key(peer.keys, created_at=NOON)
    tell(peer, signing=old)
    tell(peer, signing=old)
    (row,) = unconfirmed_keys()
    assert (row["version"], row["fingerprint"], len(row["words"].split())) == ("v2", new.fingerprint, 32)
    assert AuditLog.objects.filter(action="peer.key_announced").count() == 1
    written = peer.write(received, [log_line(received)], signing=new)
    assert scan() == [("quarantined", "bad_signature")]
    write_holdings()
    assert hello_of(peer).trusts == [old.fingerprint]
    confirm_signing_key(fingerprint=new.fingerprint.upper(), actor=SYSTEM)
    assert unconfirmed_keys() == []
    write_holdings()
    assert hello_of(peer).trusts == [new.fingerprint, old.fingerprint]
    # The file is judged anew when it comes again.
    (site_folders().quarantine / f"{written.checksum}.enc").rename(written.path)
    peer.write(received, [log_line(received)], signing=old)
    write_sidecar(written)
    assert sorted(scan()) == [("completed", None), ("completed", None)]
    assert key_actions() == ["keys.confirmed"]
    confirm_signing_key(fingerprint=new.fingerprint, actor=SYSTEM)
    assert key_actions() == ["keys.confirmed"], "nothing was changed"


def test_replaced_key_is_believed_for_60_days_and_can_be_confirmed_again(
    here: KeyFolder, peer: Peer, receiver: RowsReceiver, received: str
) -> None:
    old, new = peer.keys.signing_key(), add_signing_key(peer.keys, created_at=NOON)
    tell(peer, signing=old)
    confirm_signing_key(fingerprint=new.fingerprint, actor=SYSTEM)
    assert retire_keys() == 0
    pass_days(59)
    assert retire_keys() == 0
    peer.write(received, [log_line(received)], signing=old)
    assert scan() == [("completed", None)]
    pass_days(1)
    assert retire_keys() == 1
    peer.write(received, [log_line(received)], signing=old)
    assert scan() == [("quarantined", "bad_signature")]
    write_holdings()
    assert hello_of(peer).trusts == [new.fingerprint]
    # The peer had to put back a key folder from before: its old key is compared and confirmed anew.
    tell(peer, signing=new)
    assert [row["fingerprint"] for row in unconfirmed_keys()] == [old.fingerprint]
    confirm_signing_key(fingerprint=old.fingerprint, actor=SYSTEM)
    peer.write(received, [log_line(received)], signing=old)
    assert scan() == [("completed", None)]


def test_days_of_a_replaced_key_begin_anew_when_it_was_needed_again(here: KeyFolder, peer: Peer) -> None:
    old, new = peer.keys.signing_key(), add_signing_key(peer.keys, created_at=NOON)
    tell(peer, signing=old)
    confirm_signing_key(fingerprint=new.fingerprint, actor=SYSTEM)
    retire_keys()
    pass_days(50)
    confirm_signing_key(fingerprint=old.fingerprint, actor=SYSTEM)
    retire_keys()
    confirm_signing_key(fingerprint=new.fingerprint, actor=SYSTEM)
    retire_keys()
    pass_days(50)
    assert retire_keys() == 0
    pass_days(10)
    assert retire_keys() == 1


def test_revoked_key_is_never_believed_again_and_its_hello_is_forgotten(
    here: KeyFolder, peer: Peer, receiver: RowsReceiver, received: str, sender: RowsSender, sent: str
) -> None:
    old, new = peer.keys.signing_key(), add_signing_key(peer.keys, created_at=NOON)
    thief = BoxKey.generate(version="v7", kem=Kem.X25519)
    tell(peer, signing=old)
    confirm_signing_key(fingerprint=new.fingerprint, actor=SYSTEM)
    # A thief of the old key announces a box key of its own.
    tell(peer, signing=old, seq=10**15, hello={"box": [announced_box(thief)]})
    revoke_signing_key(fingerprint=old.fingerprint, actor=SYSTEM)
    revoke_signing_key(fingerprint=old.fingerprint, actor=SYSTEM)
    assert key_actions() == ["keys.confirmed", "keys.revoked"]
    peer.write(received, [log_line(received)], signing=old)
    assert scan() == [("quarantined", "bad_signature")]
    sender.add()
    (first,) = export_stream(stream=sent, actor=SYSTEM)
    header, _ = peer.read(Path(ExportBatch.objects.get(pk=first.batch_id).file_path))
    assert header.box_key == here.peer(peer.site).box.box_key
    # The hello of the peer itself counts again, whatever version the thief gave.
    peer.tell(seq=5, hello={"box": [announced_box(peer.keys.box_key())]}, signing=new)
    assert scan() == [("dropped", "rolled_back")]
    assert PeerRow.objects.get().hello_signer == new.fingerprint
    with pytest.raises(TrustError, match="revoked"):
        confirm_signing_key(fingerprint=old.fingerprint, actor=SYSTEM)


def test_announced_key_can_be_refused_for_ever(here: KeyFolder, peer: Peer) -> None:
    old, new = peer.keys.signing_key(), add_signing_key(peer.keys, created_at=NOON)
    tell(peer, signing=old)
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
    tell(peer, hello={"signing": [announced_signing(here.signing_key()), announced_signing(peer.keys.signing_key())]})
    with pytest.raises(TrustError, match="key of this site"):
        confirm_signing_key(fingerprint=here.signing_key().fingerprint, actor=SYSTEM)


def test_list_shows_public_facts_only(here: KeyFolder, peer: Peer) -> None:
    tell(peer)
    rows = list_keys()
    private = {encode_key(key.private) for key in (*here.signing_keys(), *here.box_keys())}
    assert not any(secret in json.dumps(rows) for secret in private)
    assert [(row["site"], row["use"], row["status"]) for row in rows] == [
        (peer.here, "signing", "active"),
        (peer.here, "box", "active"),
        (peer.site, "signing", "trusted, active"),
        (peer.site, "box", "in use"),
    ]
