"""The daily step by which old keys retire. Days are those of DayCounter."""

from __future__ import annotations

from collections.abc import Iterator

import structlog
from django.conf import settings
from django.db import transaction

from common_apps.audit.actors import SYSTEM
from common_apps.audit.services import record
from common_apps.core.failpoints import failpoint
from common_apps.transfer.bundle.keypairs import BoxKey, SigningKey
from common_apps.transfer.bundle.streams import HOLDINGS
from common_apps.transfer.choices import ExportStatus
from common_apps.transfer.errors import TransferNotReadyError
from common_apps.transfer.keys import KeyFolder, KeyFolderError, TrustedSigningKey
from common_apps.transfer.keys.changes import (
    activate_signing_key,
    demote_boxes,
    retire_box_key,
    retire_signing_key,
    set_peer_key,
)
from common_apps.transfer.keys.peers import encode_key
from common_apps.transfer.models import ExportBatch, LeavingKey, Peer
from common_apps.transfer.services.days import count_day
from common_apps.transfer.services.peer import heard_hello, site_keys

log = structlog.get_logger("transfer.keys")

BOX_DAYS = 30
TRUSTED_DAYS = 60


def retire_keys() -> int:
    """Retires what is due; how many keys. Whatever a crash leaves, the next call does.

    An own box key that only decrypts: 30 days after the peer was seen to know a newer one. A signing key of the peer
    that a newer one has replaced: 60 days after. An own signing key: once the peer trusts a newer one, and it no more;
    one that the peer has come to trust is new no longer.
    Nothing is done where there are no keys yet. Raises TransferNotReadyError where the folder can't be read, OSError.
    """
    folder = site_keys()
    try:
        return _retire(folder) if folder.has_own_keys() else 0
    except KeyFolderError as error:
        raise TransferNotReadyError(str(error)) from error


def _retire(folder: KeyFolder) -> int:
    demote_boxes(folder)
    boxes, trusted = list(_leaving_boxes(folder)), list(_leaving_trusted(folder))
    since = _count_days([key.public_key.box_key for key in boxes] + [key.fingerprint for key in trusted])
    retired = 0
    for box in boxes:
        if since[box.public_key.box_key] >= BOX_DAYS:
            with transaction.atomic():
                retire_box_key(folder, box)
                _tell("keys.retired", settings.SITE, use="box", version=box.version, fingerprint=box.public_key.box_key)
            retired += 1
    for key in trusted:
        if since[key.fingerprint] >= TRUSTED_DAYS:
            with transaction.atomic():
                set_peer_key(folder, settings.PEER, key.public, "retired")
                _tell("keys.retired", settings.PEER, use="signing", fingerprint=key.fingerprint)
            retired += 1
    for own in _confirmed_signing(folder):
        with transaction.atomic():
            activate_signing_key(folder, own)
            _tell("keys.confirmed", settings.SITE, version=own.version, fingerprint=own.fingerprint)
    for own in _replaced_signing(folder):
        with transaction.atomic():
            retire_signing_key(folder, own)
            _tell("keys.retired", settings.SITE, use="signing", version=own.version, fingerprint=own.fingerprint)
        retired += 1
    return retired


def _leaving_boxes(folder: KeyFolder) -> Iterator[BoxKey]:
    """Own box keys that only decrypt, and that the peer knows a newer one of."""
    heard = _heard_boxes()
    knows_newer = False
    for key in folder.box_keys():
        if key.status == "decrypt_only" and knows_newer:
            yield key
        knows_newer = knows_newer or encode_key(key.public_key.public) in heard


def _heard_boxes() -> set[str]:
    """The public box keys that the newest own holdings announced that the peer has heeded."""
    heard = Peer.objects.filter(pk=1).values_list("heard", flat=True).first() or 0
    told = ExportBatch.objects.filter(batch_type=HOLDINGS, status=ExportStatus.COMPLETED, seq__lte=heard)
    newest = told.order_by("-seq").first()
    hello = newest.metadata.get("hello", {}) if newest is not None else {}
    return {box["public"] for box in hello.get("box", [])}


def _leaving_trusted(folder: KeyFolder) -> list[TrustedSigningKey]:
    peer = folder.peers().get(settings.PEER)
    return [key for key in peer.signing if key.status == "retiring"] if peer is not None else []


def _confirmed_signing(folder: KeyFolder) -> list[SigningKey]:
    trusts = _trusted_by_peer()
    return [key for key in folder.signing_keys() if key.status == "new" and key.fingerprint in trusts]


def _replaced_signing(folder: KeyFolder) -> list[SigningKey]:
    trusts = _trusted_by_peer()
    keys = folder.signing_keys()
    newest = next((place for place, key in enumerate(keys) if key.fingerprint in trusts), len(keys))
    return [key for key in keys[newest:] if key.status != "retired" and key.fingerprint not in trusts]


def _trusted_by_peer() -> list[str]:
    hello = heard_hello()
    return [] if hello is None else hello.trusts


def _count_days(fingerprints: list[str]) -> dict[str, int]:
    """For how many days each has been leaving. Those that leave no more are forgotten: they begin anew."""
    day = count_day()
    LeavingKey.objects.exclude(pk__in=fingerprints).delete()
    known = [LeavingKey(fingerprint=each, since_day=day) for each in fingerprints]
    LeavingKey.objects.bulk_create(known, ignore_conflicts=True)
    return {row.fingerprint: day - row.since_day for row in LeavingKey.objects.all()}


def _tell(action: str, site: str, **facts: str) -> None:
    log.info(action, site=str(site), **facts)
    record(action=action, actor=SYSTEM, resource_type="keys", resource_id=str(site), metadata=facts)
    failpoint("keys.changed")
