"""API keys: made, rotated, revoked. The secret leaves these functions once and is kept nowhere."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction

from common_apps.accounts.models import ApiKey, User
from common_apps.accounts.models.api_key import hash_secret
from common_apps.accounts.permissions import grantable_scopes
from common_apps.audit.actors import Actor
from common_apps.audit.services import record
from common_apps.core import clock
from common_apps.core.errors import DomainError, FieldFault

# `last_used_at` is true to this much: a write for every request would cost more than it tells.
TOUCH_EVERY = timedelta(minutes=1)


def create_api_key(
    *, user: User, name: str, scopes: Collection[str], expires_at: datetime | None, actor: Actor
) -> tuple[ApiKey, str]:
    """(key, ``prefix.secret``). Raises DomainError ``validation_failed`` for a scope beyond the user's role."""
    allowed = grantable_scopes(user.role)
    faults = [
        FieldFault(f"/scopes/{place}", "scope_not_allowed", f"{scope!r} is not among {', '.join(sorted(allowed))}.")
        for place, scope in enumerate(scopes)
        if scope not in allowed
    ]
    if expires_at is not None and expires_at <= clock.now():
        faults.append(FieldFault("/expires_at", "in_the_past", "This is past; give a time to come, or null for none."))
    if faults:
        raise DomainError("validation_failed", "The key can't be made so; each fault is named in errors.", faults)
    prefix, secret = _draw()
    with transaction.atomic():
        key = ApiKey.objects.create(
            user=user,
            name=name,
            scopes=sorted(set(scopes)),
            expires_at=expires_at,
            prefix=prefix,
            key_hash=hash_secret(secret),
        )
        _record("api_key.created", key, actor)
    return key, f"{prefix}.{secret}"


def rotate_api_key(*, key: ApiKey, actor: Actor) -> tuple[ApiKey, str]:
    """(key, ``prefix.secret``): the same key under a new secret; the old one ends at once.

    Raises DomainError ``conflict`` for one that is revoked or expired.
    """
    prefix, secret = _draw()
    with transaction.atomic():
        key = ApiKey.objects.select_for_update(of=("self",)).select_related("user").get(pk=key.pk)
        if not key.is_usable(clock.now()):
            raise DomainError("conflict", "This key is revoked or expired; make a new one.")
        key.prefix, key.key_hash = prefix, hash_secret(secret)
        key.save(update_fields=["prefix", "key_hash"])
        _record("api_key.rotated", key, actor)
    return key, f"{prefix}.{secret}"


def revoke_api_key(*, key: ApiKey, actor: Actor) -> None:
    """Ends the key; again is no error."""
    with transaction.atomic():
        if ApiKey.objects.filter(pk=key.pk, is_active=True).update(is_active=False):
            _record("api_key.revoked", key, actor)
    key.is_active = False


def touch_api_key(*, key: ApiKey) -> None:
    """Notes that the key was used, at most once a minute."""
    at = clock.now()
    if key.last_used_at is None or at - key.last_used_at > TOUCH_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=at)


def _draw() -> tuple[str, str]:
    return f"af{secrets.token_hex(6)}", secrets.token_urlsafe(32)


def _record(action: str, key: ApiKey, actor: Actor) -> None:
    record(
        action=action,
        actor=actor,
        resource_type="api_key",
        resource_id=str(key.pk),
        data={"name": key.name, "prefix": key.prefix, "scopes": key.scopes, "user_id": str(key.user_id)},
    )
