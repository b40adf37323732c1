"""Key folders that were lost, and processes that die while keys change: both sites find together."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from common_apps.audit.actors import SYSTEM
from common_apps.core import failpoints
from common_apps.transfer.failpoints import KEY_POINTS
from common_apps.transfer.keys import KeyFolder
from common_apps.transfer.keys.changes import add_signing_key
from common_apps.transfer.keys.peers import encode_key
from common_apps.transfer.models import ExportBatch
from common_apps.transfer.services import export_stream
from common_apps.transfer.services.key_changes import (
    confirm_signing_key,
    revoke_signing_key,
    rotate_box_key,
    rotate_signing_key,
    trust_keys,
)
from common_apps.transfer.services.key_retirement import retire_keys
from tests.common.transfer.key_kit import hello_of, tell, write_holdings
from tests.common.transfer.kit import NOON, Peer, RowsReceiver, RowsSender, log_line, pass_days, scan

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _nothing_armed() -> Iterator[None]:
    yield
    failpoints.disarm()


def test_both_sites_find_together_when_both_lost_all_keys(
    here: KeyFolder, peer: Peer, sender: RowsSender, sent: str, receiver: RowsReceiver, received: str
) -> None:
    tell(peer)
    sender.add()
    (lost,) = export_stream(stream=sent, actor=SYSTEM)
    write_holdings()
    for folder in (here, peer.keys):
        shutil.rmtree(folder.path)
    here.generate(site=peer.here, created_at=NOON)  # type: ignore[arg-type]  # a site's name
    peer.keys.generate(site=peer.site, created_at=NOON)  # type: ignore[arg-type]  # a site's name
    assert trust_keys(public=peer.keys.public_keys(), actor=SYSTEM)
    peer.keys.trust(here.public_keys())
    write_holdings()
    told = hello_of(peer)
    assert told.trusts == [peer.keys.signing_key().fingerprint]
    tell(peer)
    assert ExportBatch.objects.get(pk=lost.batch_id).superseded_at is not None
    (again,) = export_stream(stream=sent, actor=SYSTEM)
    _, lines = peer.read(Path(ExportBatch.objects.get(pk=again.batch_id).file_path))
    assert len(lines) == 1
    peer.write(received, [log_line(received)])
    assert scan() == [("completed", None)]


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
    announced = write_holdings()
    tell(peer, signing=old, hello={"heard": announced})
    if change == "retire":
        confirm_signing_key(fingerprint=peer.keys.signing_key().fingerprint, actor=SYSTEM)
        retire_keys()
        pass_days(60)
    failpoints.arm(armed)
    with pytest.raises((failpoints.Crash, OSError)):
        _CHANGES[change](here, peer)
    # What there is can be read, announced and written to.
    newest = here.box_key()
    assert newest.version == here.box_keys()[0].version
    peer.write(received, [log_line(received)], recipient=newest.public_key, signing=peer.keys.signing_key())
    (outcome,) = scan()
    assert outcome in (("completed", None), ("quarantined", "bad_signature"))
    export_stream(stream="holdings", actor=SYSTEM)
    assert hello_of(peer).box[0].public == encode_key(newest.public_key.public)
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
