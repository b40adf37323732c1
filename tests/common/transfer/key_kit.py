"""What the two sites tell each other of their keys, and what the audit log says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from common_apps.audit.actors import SYSTEM
from common_apps.audit.models import AuditLog
from common_apps.transfer.bundle import records
from common_apps.transfer.bundle.header import AnnouncedBox, AnnouncedSigning, Hello
from common_apps.transfer.bundle.keypairs import BoxKey, SigningKey
from common_apps.transfer.keys.peers import encode_key
from common_apps.transfer.models import ExportBatch
from common_apps.transfer.services import export_stream
from tests.common.transfer.kit import Peer, scan


def write_holdings() -> int:
    """Writes this site's holdings; their version."""
    (outcome,) = export_stream(stream="holdings", actor=SYSTEM)
    return outcome.seq


def hello_of(peer: Peer) -> Hello:
    """What this site's newest holdings say, as the peer reads it."""
    newest = ExportBatch.objects.filter(batch_type="holdings", status="completed").latest("seq")
    header, _ = peer.read(Path(newest.file_path))
    assert header.hello is not None
    return header.hello


def tell(peer: Peer, *listed: records.Record, **options: Any) -> None:
    """The peer's holdings with all of its present keys, heeded here."""
    hello = {
        "box": [announced_box(key) for key in peer.keys.box_keys() if key.status != "retired"],
        "signing": [announced_signing(key) for key in peer.keys.signing_keys()],
        "trusts": [key.fingerprint for key in peer.keys.peer(peer.here).signing if key.believed],
    }
    peer.tell(*listed, hello=hello | options.pop("hello", {}), **options)
    assert scan() == [("completed", None)]


def announced_box(key: BoxKey) -> AnnouncedBox:
    """The key as a hello announces it."""
    return AnnouncedBox(version=key.version, kem=key.kem, public=encode_key(key.public_key.public))


def announced_signing(key: SigningKey) -> AnnouncedSigning:
    """The key as a hello announces it."""
    return AnnouncedSigning(version=key.version, public=encode_key(key.public))


def key_actions() -> list[str]:
    """What was done with keys, oldest first."""
    return list(AuditLog.objects.filter(action__startswith="keys.").order_by("id").values_list("action", flat=True))
