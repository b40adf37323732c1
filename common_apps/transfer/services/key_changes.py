"""Changes to the key folder, with their audit rows (the first keys are made where there may be no database yet)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, transaction

from common_apps.audit.actors import Actor
from common_apps.audit.services import record
from common_apps.core import clock
from common_apps.core.alerts import end_alert
from common_apps.core.errors import DomainError
from common_apps.core.failpoints import failpoint
from common_apps.transfer.alerts import KEY_ANNOUNCED
from common_apps.transfer.bundle.keypairs import fingerprint_of
from common_apps.transfer.keys import Kem, KeyFolder, PublicKeys
from common_apps.transfer.keys.changes import (
    add_box_key,
    add_signing_key,
    confirm_peer_key,
    export_public,
    find_peer_key,
    set_peer_key,
)
from common_apps.transfer.services.hello import forget_hello, forget_hello_of
from common_apps.transfer.services.peer import announced_signing_keys, site_keys

log = structlog.get_logger("transfer.keys")


def generate_keys(*, actor: Actor, kem: Kem = Kem.X25519) -> PublicKeys:
    """The site's first signing and box key. Raises KeyFolderError, OSError."""
    public = site_keys().generate(site=settings.SITE, created_at=clock.now(), kem=kem)
    _audit("keys.generated", public, actor)
    return public


def trust_keys(*, public: PublicKeys, actor: Actor, replace: bool = False) -> bool:
    """Believes the peer's keys from now on, and writes to its box key until its next holdings; whether anything
    changed.

    Raises TrustError and other KeyFolderErrors, OSError.
    """
    changed = site_keys().trust(public, replace=replace)
    if changed:
        _forget_hello(public.fingerprint)
        _audit("keys.trusted", public, actor)
    return changed


def export_public_keys(*, directory: Path, actor: Actor) -> Path:
    """`<site>.pub.json` in ``directory``, for the other site's `keys trust`; its path. Until the other site is heard,
    this site signs with the newest key that it was given so.

    Raises KeysMissingError and other KeyFolderErrors, OSError.
    """
    folder = site_keys()
    path = export_public(folder, directory)
    _audit("keys.exported", folder.public_keys(), actor)
    return path


def rotate_box_key(*, actor: Actor, kem: Kem | None = None) -> PublicKeys:
    """A new box key, by default of the present one's kem; the next holdings announce it, and the peer uses it from
    then on. The older ones only decrypt. The site's keys as they are now.

    Raises KeysMissingError and other KeyFolderErrors, OSError.
    """
    folder = site_keys()
    with transaction.atomic():
        key = add_box_key(folder, created_at=clock.now(), kem=kem)
        facts = {"version": key.version, "kem": key.kem.value, "box_key": key.public_key.box_key}
        _record("keys.box_rotated", settings.SITE, actor, **facts)
        failpoint("keys.changed")
    return folder.public_keys()


def rotate_signing_key(*, actor: Actor) -> PublicKeys:
    """A new signing key; the next holdings announce it, and this site signs with it once the peer's operator has
    confirmed it (or was given it, and is not heard yet). The site's keys as they are now.

    Raises KeysMissingError and other KeyFolderErrors, OSError.
    """
    folder = site_keys()
    with transaction.atomic():
        key = add_signing_key(folder, created_at=clock.now())
        _record("keys.signing_rotated", settings.SITE, actor, version=key.version, fingerprint=key.fingerprint)
        failpoint("keys.changed")
    return folder.public_keys()


def confirm_signing_key(*, fingerprint: str, actor: Actor) -> None:
    """Believes a signing key that the peer has announced, or one that it had before: an operator has compared the
    words. The one that it replaces stays believed for 60 days, or until it is revoked.

    Raises DomainError not_found (nobody announced it), TrustError (revoked here) and other KeyFolderErrors, OSError.
    """
    folder = site_keys()
    public = _peer_key(folder, fingerprint)
    with transaction.atomic():
        if confirm_peer_key(folder, settings.PEER, public):
            _record("keys.confirmed", settings.PEER, actor, fingerprint=fingerprint.lower())
            end_alert(code=KEY_ANNOUNCED, subject=fingerprint.lower())
            failpoint("keys.changed")


def revoke_signing_key(*, fingerprint: str, actor: Actor) -> None:
    """Never believes this signing key of the peer (again), nor its last hello where this key signed it: until the
    peer's next holdings the box key of trust.json counts.

    Raises DomainError not_found or, for a key of this site, conflict; KeyFolderErrors, OSError.
    """
    folder = site_keys()
    if any(key.fingerprint == fingerprint.lower() for key in folder.signing_keys()):
        raise DomainError(
            "conflict",
            "That is a key of this site: replace it with keys rotate --signing, and have it revoked on the other site.",
        )
    public = _peer_key(folder, fingerprint)
    with transaction.atomic():
        changed = set_peer_key(folder, settings.PEER, public, "revoked")
        # Also where an earlier call died in between.
        forgotten = forget_hello_of(fingerprint.lower())
        if changed or forgotten:
            end_alert(code=KEY_ANNOUNCED, subject=fingerprint.lower())
            _record("keys.revoked", settings.PEER, actor, fingerprint=fingerprint.lower(), hello_forgotten=forgotten)
            failpoint("keys.changed")


def _peer_key(folder: KeyFolder, fingerprint: str) -> bytes:
    """The peer's raw signing key, from trust.json or its hello. Raises DomainError not_found."""
    wanted = fingerprint.lower()
    known = find_peer_key(folder, settings.PEER, wanted)
    announced = {fingerprint_of(public): public for public in announced_signing_keys()}
    public = known or announced.get(wanted)
    if public is None:
        raise DomainError(
            "not_found",
            f"The {settings.PEER} site has announced no signing key with the fingerprint {fingerprint}: "
            "see keys list. It comes with the other site's next holdings.",
        )
    return public


def _forget_hello(fingerprint: str) -> None:
    try:
        forget_hello()
        end_alert(code=KEY_ANNOUNCED, subject=fingerprint)
    except DatabaseError as error:
        # Before the first migrate there is no hello to forget either.
        log.warning("the peer's hello could not be forgotten", error=str(error))


def _record(action: str, site: str, actor: Actor, **facts: Any) -> None:
    record(action=action, actor=actor, resource_type="keys", resource_id=str(site), metadata=facts)


def _audit(action: str, public: PublicKeys, actor: Actor) -> None:
    try:
        record(
            action=action,
            actor=actor,
            resource_type="keys",
            resource_id=public.site,
            metadata={"fingerprint": public.fingerprint, "version": public.signing_version},
        )
    except DatabaseError as error:
        # Keys are made before the first migrate: the folder tells of them, the audit can't yet.
        log.warning("key change not audited", action=action, fingerprint=public.fingerprint, error=str(error))
