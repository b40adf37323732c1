"""What the other site says of keys and versions may be nonsense: exports go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from common_apps.audit.actors import SYSTEM
from common_apps.audit.models import AuditLog
from common_apps.core.ids import new_id
from common_apps.transfer.bundle import records
from common_apps.transfer.bundle.header import MAX_SEQ, AnnouncedBox
from common_apps.transfer.bundle.keypairs import BoxKey, Kem
from common_apps.transfer.keys import KeyFolder
from common_apps.transfer.keys.peers import encode_key
from common_apps.transfer.models import AppliedState, ExportBatch
from common_apps.transfer.models import Peer as PeerRow
from common_apps.transfer.registry import state_senders
from common_apps.transfer.services import export_stream
from common_apps.transfer.services.key_changes import (
    rotate_box_key,
    rotate_signing_key,
)
from common_apps.transfer.services.versions import FARTHEST
from tests.common.transfer.key_kit import announced_box, hello_of, tell, write_holdings
from tests.common.transfer.kit import Peer, RowsSender, scan

pytestmark = pytest.mark.django_db(transaction=True)


_ZERO = AnnouncedBox(version="v9", kem="x25519", public=encode_key(bytes(32)))


_UNKNOWN = AnnouncedBox(version="v8", kem="rot13", public=encode_key(bytes(32)))


_BROKEN = AnnouncedBox(version="v7", kem="mlkem768-x25519", public=encode_key(b"\xff" * 1216))


def test_export_goes_on_when_announced_box_keys_can_not_be_used(peer: Peer, sender: RowsSender, sent: str) -> None:
    sound = [announced_box(peer.keys.box_key())]
    for number, (box, alarmed) in enumerate(
        [([_ZERO], 1), ([_ZERO, _UNKNOWN, _BROKEN, *sound], 2), ([_UNKNOWN, *sound], 2), ([_BROKEN, _ZERO], 3)], 1
    ):
        tell(peer, hello={"box": box})
        assert AuditLog.objects.filter(action="peer.box_key_unusable").count() == alarmed
        sender.add()
        (outcome,) = export_stream(stream=sent, actor=SYSTEM)
        _, lines = peer.read(Path(ExportBatch.objects.get(pk=outcome.batch_id).file_path))
        assert (outcome.seq, len(lines)) == (number, 1)
    # Whatever the peer could read before goes again as it is.
    assert ExportBatch.objects.filter(superseded_at__isnull=False, batch_type=sent).count() == 0


def test_sixteen_keys_are_told_when_there_are_more(here: KeyFolder, peer: Peer) -> None:
    tell(peer)
    for _ in range(17):
        rotate_box_key(actor=SYSTEM, kem=Kem.MLKEM768_X25519)
        rotate_signing_key(actor=SYSTEM)
    write_holdings()
    told = hello_of(peer)
    assert [each.version for each in told.box] == [f"v{number}" for number in range(18, 2, -1)]
    assert [each.version for each in told.signing] == [f"v{number}" for number in range(18, 2, -1)]


def test_exports_go_on_when_the_peer_names_versions_that_can_not_be(peer: Peer, settings: Any) -> None:
    first = write_holdings()
    tell(peer, hello={"heard": MAX_SEQ}, seq=100)
    assert AuditLog.objects.filter(action="peer.unbelievable_version").count() == 1
    assert PeerRow.objects.get().heard == 0
    (outcome,) = export_stream(stream="holdings", actor=SYSTEM, full=True)
    assert outcome.seq < first + 10**9
    # The farthest that is believed leaves room for ever.
    tell(peer, hello={"heard": FARTHEST}, seq=101)
    assert write_holdings() == FARTHEST + 1
    tell(peer, hello={"heard": FARTHEST + 1}, seq=102)
    assert PeerRow.objects.get().heard == FARTHEST + 1


def test_states_go_on_when_the_peer_lists_a_version_that_can_not_be(peer: Peer, settings: Any) -> None:
    mine = [stream for stream in state_senders if stream != "holdings"]
    for stream in mine:
        export_stream(stream=stream, actor=SYSTEM)
        named: Any = stream
        tell(peer, records.State(stream=named, seq=MAX_SEQ, batch_id=new_id(), refused=None))
        assert len(export_stream(stream=stream, actor=SYSTEM, full=True)) == 1
    assert not ExportBatch.objects.filter(seq__gt=FARTHEST).exists()


def test_holdings_of_a_version_that_can_not_be_are_refused_and_later_ones_heeded(peer: Peer) -> None:
    tell(peer, seq=50)
    peer.tell(seq=MAX_SEQ, hello={"box": [announced_box(BoxKey.generate(version="v5", kem=Kem.X25519))]})
    assert scan() == [("quarantined", "bad_header")]
    assert (PeerRow.objects.get().hello_seq, AppliedState.objects.get(stream="holdings").seq) == (50, 50)
    tell(peer, seq=51)


def test_states_fall_silent_when_the_peer_trusts_no_key_of_this_site(peer: Peer) -> None:
    tell(peer, hello={"trusts": []})
    for stream in state_senders:
        export_stream(stream=stream, actor=SYSTEM)
        assert export_stream(stream=stream, actor=SYSTEM) == []
