"""Changes to the key folder, with their audit rows where the database is there already."""

from __future__ import annotations

from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError

from common_apps.audit.actors import Actor
from common_apps.audit.services import record
from common_apps.core import clock
from common_apps.transfer.keys import Kem, PublicKeys
from common_apps.transfer.services.peer import forget_hello, site_keys

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
        _forget_hello()
        _audit("keys.trusted", public, actor)
    return changed


def list_keys() -> list[dict[str, Any]]:
    """Own keys and the peer's, a row each. Raises KeyFolderError."""
    folder = site_keys()
    rows = [
        {
            "site": key.site,
            "use": "signing",
            "version": key.version,
            "status": key.status,
            "kem": "",
            "fingerprint": key.fingerprint,
        }
        for key in folder.signing_keys()
    ]
    rows += [
        {
            "site": settings.SITE,
            "use": "box",
            "version": key.version,
            "status": key.status,
            "kem": key.kem.value,
            "fingerprint": key.public_key.box_key,
        }
        for key in folder.box_keys()
    ]
    for site, peer in folder.peers().items():
        rows += [
            {
                "site": site,
                "use": "signing",
                "version": "",
                "status": f"trusted, {key.status}",
                "kem": "",
                "fingerprint": key.fingerprint,
            }
            for key in peer.signing
        ]
        rows.append(
            {
                "site": site,
                "use": "box",
                "version": peer.box.version,
                "status": "trusted",
                "kem": peer.box.kem.value,
                "fingerprint": peer.box.box_key,
            }
        )
    return rows


def _forget_hello() -> None:
    try:
        forget_hello()
    except DatabaseError as error:
        # Before the first migrate there is no hello to forget either.
        log.warning("the peer's hello could not be forgotten", error=str(error))


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
