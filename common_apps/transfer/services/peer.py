"""The other site as this one knows it: which keys to write with, and what its hello said."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
from django.conf import settings

from common_apps.audit.actors import SYSTEM
from common_apps.audit.services import record
from common_apps.transfer.bundle.envelope import TrustedKey
from common_apps.transfer.bundle.header import AnnouncedBox, AnnouncedSigning, Hello
from common_apps.transfer.bundle.keypairs import BoxPublicKey, SigningKey
from common_apps.transfer.bundle.streams import HOLDINGS, STREAMS, greatest_schema
from common_apps.transfer.errors import TransferNotReadyError
from common_apps.transfer.keys import KeyFolder, KeyFolderError
from common_apps.transfer.keys.peers import encode_key
from common_apps.transfer.models import AppliedState, ExportBatch, Peer
from common_apps.transfer.services.alarms import tell_rolled_back

_MOST_KEYS = 16
_MOST_TRUSTED = 64
_RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class WriterKeys:
    """What a bundle is written with: own signing key, the reader's box key, the greatest schema that the reader
    reads.
    """

    signing: SigningKey
    recipient: BoxPublicKey
    own: tuple[TrustedKey, ...]
    max_schema: int


def site_keys() -> KeyFolder:
    """The key folder of the settings."""
    return KeyFolder(Path(settings.KEY_DIR))


def writer_keys() -> WriterKeys:
    """The newest own key that the peer trusts, a retired one too if it trusts no other, and its newest announced box
    key; before its first holdings the newest own key that it was given, and the box key of trust.json.

    Raises TransferNotReadyError where keys are missing or loosely readable.
    """
    hello = heard_hello()
    folder = site_keys()
    try:
        trusted = folder.peer(settings.PEER)
        given = folder.active_signing_key()
        believed = [key for key in folder.signing_keys() if hello is not None and key.fingerprint in hello.trusts]
        announced = hello.box_keys() if hello is not None else []
        return WriterKeys(
            signing=(believed or [given])[0],
            recipient=(announced or [trusted.box])[0],
            own=tuple(folder.own_trusted_keys()),
            max_schema=hello.max_schema if hello is not None else 1,
        )
    except KeyFolderError as error:
        raise TransferNotReadyError(str(error)) from error


def heard_hello() -> Hello | None:
    """What the peer's newest hello said, of its box keys those that can be used, of what it trusts no more than what
    also older holdings say that came after it, as long as that is anything; None before its first holdings.
    """
    row = Peer.objects.filter(pk=1).values_list("hello", "trusts_met").first()
    if row is None or row[0] is None:
        return None
    hello, met = msgspec.convert(row[0], Hello), row[1]
    both = [each for each in hello.trusts if met is not None and each in met]
    return msgspec.structs.replace(hello, trusts=both) if both else hello


def announced_signing_keys() -> dict[bytes, str]:
    """The raw signing keys of the peer's newest hello, the newest first, each with its version's label."""
    hello = heard_hello()
    return {} if hello is None else dict(zip(hello.signing_keys(), (key.version for key in hello.signing), strict=True))


def is_readable_by(hello: Hello, batch: ExportBatch) -> bool:
    """Whether the peer can read and believe what was written for it: its box key is one that the peer announces, its
    signer one that the peer trusts, its schema one that the peer reads.
    """
    return (
        any(key.box_key == batch.box_key for key in hello.box_keys())
        and batch.signer in hello.trusts
        and batch.schema <= hello.max_schema
    )


def own_hello() -> Hello:
    """What this site tells in its holdings. Raises TransferNotReadyError."""
    folder = site_keys()
    try:
        box = [key.public_key for key in folder.box_keys() if key.status != _RETIRED]
        signing = [key for key in folder.signing_keys() if key.status != _RETIRED]
        trusted = folder.peer(settings.PEER)
    except KeyFolderError as error:
        raise TransferNotReadyError(str(error)) from error
    return Hello(
        heard=_heard_version(),
        max_schema=greatest_schema(STREAMS.values()),
        box=[AnnouncedBox(version=key.version, kem=key.kem, public=encode_key(key.public)) for key in box[:_MOST_KEYS]],
        signing=[AnnouncedSigning(version=key.version, public=encode_key(key.public)) for key in signing[:_MOST_KEYS]],
        trusts=[key.fingerprint for key in trusted.signing if key.believed][:_MOST_TRUSTED],
    )


def _heard_version() -> int:
    """The greatest version of the peer's holdings that something was heeded of: their payload, or no more than their
    hello. A peer that has lost its keys, and whose clock has gone back, learns from it which version is believed next.
    """
    applied = AppliedState.objects.filter(stream=HOLDINGS).values_list("seq", flat=True).first()
    hello = Peer.objects.filter(pk=1).values_list("hello_seq", flat=True).first()
    return max(applied or 0, hello or 0)


def raise_rolled_back(*, heard: int, own: int, bundles: int) -> None:
    """This site was restored from a backup: the peer has seen more of it than it knows itself."""
    facts = {"heard": heard, "own_version": own, "unknown_bundles": bundles}
    record(
        action="site.rolled_back", actor=SYSTEM, resource_type="site", resource_id=str(settings.SITE), metadata=facts
    )
    if bundles:
        seen = f"The other site holds {bundles} bundle(s) of this site that this site no longer knows."
    else:
        seen = f"The other site has heeded holdings {heard} of this site, which knows of none after {own}."
    tell_rolled_back(detail=seen, unknown_bundles=bundles)
