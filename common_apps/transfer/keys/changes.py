"""Changing the keys of a site that has some: new pairs, old ones that retire, and whom it believes.

Each file is replaced atomically and a new key is there before an older one changes: whatever comes in between, the
newest active pair counts, and every pair that bundles may still be written to is there.
"""

import re
from dataclasses import replace as with_changes
from datetime import datetime
from pathlib import Path

from common_apps.core.failpoints import failpoint
from common_apps.transfer.bundle.durability import replace_atomically
from common_apps.transfer.bundle.forms import format_time
from common_apps.transfer.bundle.keypairs import BoxKey, Kem, SigningKey, fingerprint_of
from common_apps.transfer.bundle.streams import Site
from common_apps.transfer.keys.errors import TrustError
from common_apps.transfer.keys.folder import VERSION_FILE, KeyFolder
from common_apps.transfer.keys.own import encode_box, encode_signing
from common_apps.transfer.keys.peers import TrustStatus, as_trusted, believe_first, encode_public_file
from common_apps.transfer.keys.storage import alone_in, create_private_file, replace_private_file

_HALF_WRITTEN = re.compile(r"\..+\.part")


def add_box_key(folder: KeyFolder, *, created_at: datetime, kem: Kem | None = None) -> BoxKey:
    """A new box pair, by default of the present one's kem; older ones only decrypt from now on.

    Raises KeysMissingError where there are no keys yet, KeyFileError, OSError.
    """
    kem = kem or folder.box_key().kem
    with alone_in(folder.path):
        version = _next_version(folder.box_dir)
        key = BoxKey.generate(version=version, kem=kem, created_at=format_time(created_at))
        create_private_file(folder.box_dir / f"{version}.json", encode_box(key))
        failpoint("keys.box_written")
        _demote(folder)
    return key


def demote_boxes(folder: KeyFolder) -> None:
    """What a rotation that broke off has left out: box pairs older than the newest active one only decrypt.

    Raises KeysMissingError, KeyFileError, OSError.
    """
    with alone_in(folder.path):
        _demote(folder)


def retire_box_key(folder: KeyFolder, key: BoxKey) -> None:
    """Nothing that comes under the pair is read any more. Raises KeyFileError, OSError."""
    with alone_in(folder.path):
        _write_box(folder, with_changes(key, status="retired"))
    failpoint("keys.retired")


def add_signing_key(folder: KeyFolder, *, created_at: datetime) -> SigningKey:
    """A new signing pair beside the old one, which signs until the peer trusts the new one, or is given it.

    Raises KeysMissingError where there are no keys yet, KeyFileError, OSError.
    """
    site = folder.own_site()
    with alone_in(folder.path):
        version = _next_version(folder.signing_dir)
        key = SigningKey.generate(site=site, version=version, status="new", created_at=format_time(created_at))
        create_private_file(folder.signing_dir / f"{version}.json", encode_signing(key))
    failpoint("keys.signing_written")
    return key


def export_public(folder: KeyFolder, directory: Path) -> Path:
    """Write `<site>.pub.json` into `directory`; its path. The other site is given it, so the signing key in it is one
    to sign with from now on, as long as nothing better is known.

    Raises KeysMissingError, KeyFileError, OSError.
    """
    path = directory / f"{folder.own_site()}.pub.json"
    with alone_in(folder.path):
        signing = folder.signing_key()
        replace_atomically(path, encode_public_file(signing, folder.box_key().public_key))
        _write_signing(folder, signing, "active")
    return path


def activate_signing_key(folder: KeyFolder, key: SigningKey) -> None:
    """The peer was seen to trust the pair. Raises KeyFileError, OSError."""
    with alone_in(folder.path):
        _write_signing(folder, key, "active")


def retire_signing_key(folder: KeyFolder, key: SigningKey) -> None:
    """The pair is announced no more. Raises KeyFileError, OSError."""
    with alone_in(folder.path):
        _write_signing(folder, key, "retired")
    failpoint("keys.retired")


def confirm_peer_key(folder: KeyFolder, site: Site, public: bytes) -> bool:
    """The peer's raw signing key is its newest from now on, the one before is believed for a while; whether anything
    changed.

    Raises TrustError for a revoked key or one of this site's own, KeysMissingError, KeyFileError, OSError.
    """
    with alone_in(folder.path):
        if any(key.public == public for key in folder.signing_keys()):
            raise TrustError("This is a key of this site.", "Compare the words of the other site's key.")
        peer = folder.peer(site)
        changed = believe_first(peer, public)
        if changed == peer:
            return False
        folder.write_peer(changed)
    return True


def set_peer_key(folder: KeyFolder, site: Site, public: bytes, status: TrustStatus) -> bool:
    """Retires or revokes a raw signing key of the peer, known so far or not; whether anything changed.

    Raises KeysMissingError, KeyFileError, OSError.
    """
    with alone_in(folder.path):
        peer = folder.peer(site)
        known = {key.public: key for key in peer.signing}
        known[public] = with_changes(known.get(public, as_trusted(public)), status=status)
        changed = with_changes(peer, signing=tuple(known.values()))
        if changed == peer:
            return False
        folder.write_peer(changed)
    return True


def find_peer_key(folder: KeyFolder, site: Site, fingerprint: str) -> bytes | None:
    """The peer's raw signing key in trust.json with this fingerprint (hex). Raises KeysMissingError, KeyFileError."""
    return next((key.public for key in folder.peer(site).signing if fingerprint_of(key.public) == fingerprint), None)


def _demote(folder: KeyFolder) -> None:
    newest = folder.box_key()
    keys = folder.box_keys()
    for key in keys[keys.index(newest) + 1 :]:
        if key.status == "active":
            _write_box(folder, with_changes(key, status="decrypt_only"))


def _write_signing(folder: KeyFolder, key: SigningKey, status: str) -> None:
    if key.status != status:
        content = encode_signing(with_changes(key, status=status))
        replace_private_file(folder.signing_dir / f"{key.version}.json", content)


def _write_box(folder: KeyFolder, key: BoxKey) -> None:
    replace_private_file(folder.box_dir / f"{key.version}.json", encode_box(key))


def _next_version(directory: Path) -> str:
    """One above the greatest there is. What a process that died has half written goes: it holds a private key."""
    for path in directory.iterdir():
        if _HALF_WRITTEN.fullmatch(path.name):
            path.unlink(missing_ok=True)
    numbers = [int(match[1]) for path in directory.iterdir() if (match := VERSION_FILE.fullmatch(path.name))]
    return f"v{max(numbers, default=0) + 1}"
