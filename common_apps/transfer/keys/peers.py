"""Whom this site trusts: the peer's public file, and what is kept of it in trust.json."""

import base64
from dataclasses import dataclass
from dataclasses import replace as with_changes
from pathlib import Path
from typing import Literal

import msgspec

from common_apps.transfer.bundle.envelope import TrustedKey
from common_apps.transfer.bundle.header import VersionLabel, decode_base64
from common_apps.transfer.bundle.keypairs import (
    SIGNING_KEY_SIZE,
    BoxPublicKey,
    Kem,
    SigningKey,
    fingerprint_of,
)
from common_apps.transfer.bundle.streams import Site, streams_from
from common_apps.transfer.keys.errors import KeyFileError, TrustError
from common_apps.transfer.keys.storage import MAX_FILE, decode_file
from common_apps.transfer.keys.words import words_of

# A key that a newer one has replaced is still believed for a while ("retiring"), then no more ("retired": it may be
# trusted anew); a revoked one never again.
TrustStatus = Literal["active", "retiring", "retired", "revoked"]


class _Closed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Closed: every field is present and no other."""


class PublicSigning(_Closed, frozen=True):
    """`key`: base64 of the raw Ed25519 public key."""

    version: VersionLabel
    key: str


class PublicBox(_Closed, frozen=True):
    """`key`: base64 of the raw public box key."""

    version: VersionLabel
    kem: Kem
    key: str


class PublicFile(_Closed, frozen=True):
    """`<site>.pub.json`."""

    site: Site
    signing: PublicSigning
    box: PublicBox


class TrustedSigningEntry(_Closed, frozen=True):
    """A signing key in trust.json."""

    key: str
    fingerprint: str
    status: TrustStatus


class PeerEntry(_Closed, frozen=True):
    """A peer in trust.json; its signing keys newest first."""

    signing: list[TrustedSigningEntry]
    streams: list[str]
    box: PublicBox


class TrustFile(_Closed, frozen=True):
    """trust.json."""

    peers: dict[Site, PeerEntry]


@dataclass(frozen=True, kw_only=True)
class PublicKeys:
    """What a site tells of itself."""

    site: Site
    signing_version: str
    signing: bytes
    box: BoxPublicKey

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the raw signing key, hex."""
        return fingerprint_of(self.signing)

    @property
    def words(self) -> list[str]:
        """The fingerprint as 32 words, to compare by voice."""
        return words_of(bytes.fromhex(self.fingerprint))


@dataclass(frozen=True, kw_only=True)
class TrustedSigningKey:
    """A raw signing key of the peer."""

    public: bytes
    fingerprint: str
    status: TrustStatus

    @property
    def believed(self) -> bool:
        """Whether a signature by it counts."""
        return self.status in ("active", "retiring")


@dataclass(frozen=True, kw_only=True)
class TrustedPeer:
    """The other site: its signing keys (newest first), the streams that they may sign, its first box key."""

    site: Site
    signing: tuple[TrustedSigningKey, ...]
    streams: frozenset[str]
    box: BoxPublicKey

    def trusted_keys(self) -> list[TrustedKey]:
        """What `check_signature` asks for."""
        return [TrustedKey(self.site, key.public, self.streams) for key in self.signing if key.believed]


def as_trusted(public: bytes) -> TrustedSigningKey:
    """A raw signing key as it is believed from now on."""
    return TrustedSigningKey(public=public, fingerprint=fingerprint_of(public), status="active")


def believe_first(peer: TrustedPeer, public: bytes) -> TrustedPeer:
    """The peer with this raw signing key as its newest; its others retire. Raises TrustError for a revoked one."""
    new = as_trusted(public)
    others = [key for key in peer.signing if key.public != public]
    if any(key.public == public and key.status == "revoked" for key in peer.signing):
        raise TrustError(f"The key {new.fingerprint[:16]}.. was revoked here.", "The other site needs a new one.")
    older = [with_changes(key, status="retiring") if key.status == "active" else key for key in others]
    return with_changes(peer, signing=(new, *older))


def read_public_file(path: Path) -> PublicKeys:
    """Read a `<site>.pub.json` as strictly as anything that comes from outside. Raises TrustError, OSError."""
    with path.open("rb") as source:
        raw = source.read(MAX_FILE + 1)
    try:
        content = decode_file(path, raw, PublicFile)
        keys = PublicKeys(
            site=content.site,
            signing_version=content.signing.version,
            signing=decode_signing_key(content.signing.key),
            box=decode_box(content.box),
        )
        # Some public keys are well formed and yet can't be used: better told now than at the first export.
        keys.box.wrap(bytes(32), b"")
    except (KeyFileError, ValueError) as error:
        detail = error.detail if isinstance(error, KeyFileError) else f"{path}: {error}."
        raise TrustError(detail, "Ask the other site for the file that keys export-public writes.") from None
    return keys


def encode_public_file(signing: SigningKey, box: BoxPublicKey) -> bytes:
    """The content of `<site>.pub.json`."""
    content = {
        "site": signing.site,
        "signing": {"version": signing.version, "key": encode_key(signing.public)},
        "box": {"version": box.version, "kem": box.kem, "key": encode_key(box.public)},
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def encode_peer(peer: TrustedPeer) -> PeerEntry:
    """The peer as it stands in trust.json."""
    return PeerEntry(
        signing=[
            TrustedSigningEntry(key=encode_key(key.public), fingerprint=key.fingerprint, status=key.status)
            for key in peer.signing
        ],
        streams=sorted(peer.streams),
        box=PublicBox(version=peer.box.version, kem=peer.box.kem, key=encode_key(peer.box.public)),
    )


def decode_peer(site: Site, entry: PeerEntry) -> TrustedPeer:
    """Check what trust.json says of a peer. Raises ValueError."""
    signing = tuple(
        TrustedSigningKey(public=decode_signing_key(key.key), fingerprint=key.fingerprint, status=key.status)
        for key in entry.signing
    )
    for key in signing:
        if fingerprint_of(key.public) != key.fingerprint:
            raise ValueError(f"the fingerprint {key.fingerprint[:16]}.. is not that of its key")
    strange = set(entry.streams) - set(streams_from(site))
    if strange:
        raise ValueError(f"{site} writes no stream named {', '.join(sorted(strange))}")
    return TrustedPeer(site=site, signing=signing, streams=frozenset(entry.streams), box=decode_box(entry.box))


def encode_key(raw: bytes) -> str:
    """Base64 of a raw key."""
    return base64.b64encode(raw).decode()


def decode_signing_key(text: str) -> bytes:
    """A raw Ed25519 key. Raises ValueError."""
    raw = decode_base64(text)
    if len(raw) != SIGNING_KEY_SIZE:
        raise ValueError(f"a signing key has {SIGNING_KEY_SIZE} bytes, not {len(raw)}")
    return raw


def decode_box(box: PublicBox) -> BoxPublicKey:
    """A public box key. Raises ValueError."""
    return BoxPublicKey(version=box.version, kem=box.kem, public=decode_base64(box.key))
