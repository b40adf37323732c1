"""What there is of keys, for people: own ones, the peer's, and what the peer has announced."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from common_apps.transfer.bundle.keypairs import fingerprint_of
from common_apps.transfer.keys import KeyFolder, SigningKey, words_of
from common_apps.transfer.services.peer import announced_signing_keys, heard_hello, site_keys

ANNOUNCED = "announced, not confirmed"


def list_keys() -> list[dict[str, Any]]:
    """Own keys and the peer's, a row each: {site, use, version, status, kem, fingerprint, created_at, words}; words are
    those of signing keys. Public facts only. Raises KeyFolderError.
    """
    folder = site_keys()
    rows = [
        _row(
            settings.SITE, "signing", _own_status(key), key.fingerprint, version=key.version, created_at=key.created_at
        )
        for key in folder.signing_keys()
    ]
    rows += [
        _row(
            settings.SITE,
            "box",
            key.status,
            key.public_key.box_key,
            version=key.version,
            created_at=key.created_at,
            kem=key.kem.value,
        )
        for key in folder.box_keys()
    ]
    return rows + _signing_rows(folder) + _box_rows(folder)


def unconfirmed_keys() -> list[dict[str, Any]]:
    """The peer's signing keys that it has announced and nobody here has confirmed yet, as rows of ``list_keys``.

    Raises KeyFolderError.
    """
    return [row for row in _signing_rows(site_keys()) if row["status"] == ANNOUNCED]


def _own_status(key: SigningKey) -> str:
    """The nightly step writes down what the peer has confirmed; people want to see it at once."""
    hello = heard_hello()
    return "active" if key.status == "new" and hello is not None and key.fingerprint in hello.trusts else key.status


def _signing_rows(folder: KeyFolder) -> list[dict[str, Any]]:
    """Announced keys first: they wait for somebody to compare their words."""
    peer = folder.peers().get(settings.PEER)
    if peer is None:
        return []
    told = {fingerprint_of(public): version for public, version in announced_signing_keys().items()}
    known = {key.fingerprint: key.status for key in peer.signing}
    rows = [
        _row(peer.site, "signing", ANNOUNCED, fingerprint, version=version)
        for fingerprint, version in told.items()
        # A key that has retired here and is announced again waits for people, too.
        if known.get(fingerprint, "retired") == "retired"
    ]
    named = {"active": "trusted, active", "retiring": "trusted, retiring"}
    return rows + [
        _row(peer.site, "signing", named.get(status, status), fingerprint, version=told.get(fingerprint, ""))
        for fingerprint, status in known.items()
        if fingerprint not in {row["fingerprint"] for row in rows}
    ]


def _box_rows(folder: KeyFolder) -> list[dict[str, Any]]:
    """The keys that the peer reads with, the one that is written to first."""
    peer = folder.peers().get(settings.PEER)
    if peer is None:
        return []
    hello = heard_hello()
    keys = hello.box_keys() if hello is not None else [peer.box]
    return [
        _row(
            peer.site,
            "box",
            "in use" if place == 0 else "still read",
            key.box_key,
            version=key.version,
            kem=key.kem.value,
        )
        for place, key in enumerate(keys)
    ]


def _row(
    site: str, use: str, status: str, fingerprint: str, *, version: str, kem: str = "", created_at: str = ""
) -> dict[str, Any]:
    return {
        "site": str(site),
        "use": use,
        "version": version,
        "status": status,
        "kem": kem,
        "fingerprint": fingerprint,
        "created_at": created_at,
        "words": " ".join(words_of(bytes.fromhex(fingerprint))) if use == "signing" else "",
    }
