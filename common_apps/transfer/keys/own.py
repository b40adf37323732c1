"""A site's own pairs as they stand in KEY_DIR/signing and KEY_DIR/box."""

from typing import Literal

import msgspec

from common_apps.transfer.bundle.header import VersionLabel, decode_base64
from common_apps.transfer.bundle.keypairs import BoxKey, Kem, SigningKey
from common_apps.transfer.bundle.streams import Site
from common_apps.transfer.keys.peers import encode_key


class SigningFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`signing/v1.json`; `private` is base64 of the raw seed, `created_at` RFC 3339 with Z."""

    site: Site
    version: VersionLabel
    private: str
    status: Literal["new", "active", "retired"]
    created_at: str

    def __repr__(self) -> str:
        return f"SigningFile({self.version})"


class BoxFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`box/v1.json`; `private` is base64 of the raw key (X25519 32, or ML-KEM seed 64 followed by X25519 32)."""

    version: VersionLabel
    kem: Kem
    private: str
    status: Literal["active", "decrypt_only", "retired"]
    created_at: str

    def __repr__(self) -> str:
        return f"BoxFile({self.version})"


def encode_signing(key: SigningKey) -> dict[str, str]:
    """The content of a signing key's file."""
    return {
        "site": key.site,
        "version": key.version,
        "private": encode_key(key.private),
        "status": key.status,
        "created_at": key.created_at,
    }


def decode_signing(content: SigningFile) -> SigningKey:
    """Raises ValueError."""
    return SigningKey(
        site=content.site,
        version=content.version,
        private=decode_base64(content.private),
        status=content.status,
        created_at=content.created_at,
    )


def encode_box(key: BoxKey) -> dict[str, str]:
    """The content of a box key's file."""
    return {
        "version": key.version,
        "kem": key.kem,
        "private": encode_key(key.private),
        "status": key.status,
        "created_at": key.created_at,
    }


def decode_box(content: BoxFile) -> BoxKey:
    """Raises ValueError."""
    return BoxKey(
        version=content.version,
        kem=content.kem,
        private=decode_base64(content.private),
        status=content.status,
        created_at=content.created_at,
    )
