"""Heeding the peer's hello: what it can read, signs with and trusts, and what it announces."""

from __future__ import annotations

from typing import Any

import msgspec
from django.conf import settings
from django.db import transaction

from common_apps.audit.actors import SYSTEM
from common_apps.audit.services import record
from common_apps.core import clock
from common_apps.core.alerts import end_alert, raise_alert
from common_apps.transfer.alerts import BOX_KEY_UNUSABLE, KEY_ANNOUNCED, UNBELIEVABLE_VERSION
from common_apps.transfer.bundle.header import AnnouncedBox, Hello
from common_apps.transfer.bundle.keypairs import BoxPublicKey, fingerprint_of
from common_apps.transfer.bundle.streams import HOLDINGS
from common_apps.transfer.errors import TransferNotReadyError
from common_apps.transfer.keys import KeyFolderError, TrustedPeer, words_of
from common_apps.transfer.keys.peers import encode_key
from common_apps.transfer.models import Peer
from common_apps.transfer.selectors import newest_version
from common_apps.transfer.services.peer import heard_hello, raise_rolled_back, site_keys
from common_apps.transfer.services.versions import is_believable

# The subject of alerts that are about the peer as a whole.
_PEER = "peer"


def heed_hello(*, seq: int, hello: Hello, signer: str, is_new: bool = True) -> None:
    """Takes in the hello of trusted holdings of version ``seq``, whether or not their payload can be read or is old.
    ``signer``: fingerprint of the key that verified; ``is_new``: these holdings have never come before.

    Of ``heard`` the greatest ever seen counts; of the rest what the greatest version says. But of what the peer trusts,
    older holdings that come only now narrow it: a peer whose keys and clock both went back can't believe what is
    signed with a newer key, nor learn from it which version is believed next. What no site can have said
    in earnest is not heeded, and told: a version that can't be (services/versions.py), box keys of which none can be
    used (those from before stay). Raises TransferNotReadyError where the keys can't be read.
    """
    try:
        trusted = site_keys().peer(settings.PEER)
    except KeyFolderError as error:
        raise TransferNotReadyError(str(error)) from error
    with transaction.atomic():
        peer, _ = Peer.objects.select_for_update().get_or_create(pk=1)
        is_newer = seq > peer.hello_seq and is_believable(seq, known=peer.hello_seq)
        _heed_heard(peer, hello.heard, tell=is_newer)
        if is_newer:
            _tell_announced(hello, heard_hello(), trusted)
            peer.hello = msgspec.to_builtins(hello) | {"box": _usable_boxes(hello, heard_hello(), trusted)}
            peer.hello_seq = seq
            peer.hello_signer = signer
            peer.trusts_met = None
        elif is_new and is_believable(seq, known=peer.hello_seq):
            peer.trusts_met = hello.trusts
        peer.updated_at = clock.now()
        peer.save()


def forget_hello() -> None:
    """The operator has trusted other keys of the peer: these count until its next holdings."""
    Peer.objects.filter(pk=1).update(hello=None, hello_signer="", trusts_met=None)


def forget_hello_of(fingerprint: str) -> bool:
    """Nothing that this signing key said of the peer counts any more; whether it was the last to say something."""
    said = Peer.objects.filter(pk=1, hello_signer=fingerprint)
    return bool(said.update(hello=None, hello_seq=0, hello_signer="", trusts_met=None))


def _heed_heard(peer: Peer, heard: int, *, tell: bool) -> None:
    if heard <= peer.heard:
        return
    own = newest_version(HOLDINGS)
    if not is_believable(heard, known=own):
        if tell:
            detail = f"It says to have heeded holdings {heard}; the newest that this site knows of are {own}."
            _tell("peer.unbelievable_version", UNBELIEVABLE_VERSION, _PEER, detail, heard=heard, own_version=own)
        return
    if heard > own:
        raise_rolled_back(heard=heard, own=own, bundles=0)
    peer.heard = heard


def _tell_announced(hello: Hello, before: Hello | None, trusted: TrustedPeer) -> None:
    """A signing key that is new here is told once: an operator has to compare its words."""
    announced, already = set(hello.signing_keys()), set(before.signing_keys() if before else [])
    decided = {key.public for key in trusted.signing if key.status != "retired"}
    # A backup of the database alone brings back what has been decided: trust.json knows better.
    for public in (already - announced) | (decided & announced):
        end_alert(code=KEY_ANNOUNCED, subject=fingerprint_of(public))
    known = already | decided
    for public in hello.signing_keys():
        if public not in known:
            fingerprint = fingerprint_of(public)
            detail = f"{fingerprint}: {' '.join(words_of(bytes.fromhex(fingerprint)))}"
            _tell("peer.key_announced", KEY_ANNOUNCED, fingerprint, detail, fingerprint=fingerprint)


def _usable_boxes(hello: Hello, before: Hello | None, trusted: TrustedPeer) -> list[dict[str, Any]]:
    """The announced box keys that can be written to; where there are none, those that could until now."""
    found = hello.box_keys()
    usable = [key for key in found if key.is_usable]
    useless = [key.box_key for key in found if key not in usable]
    if useless or not usable:
        detail = f"{len(useless)} of the announced box keys can't be used, {len(usable)} can."
        _tell("peer.box_key_unusable", BOX_KEY_UNUSABLE, _PEER, detail, box_keys=useless, usable=len(usable))
    else:
        end_alert(code=BOX_KEY_UNUSABLE, subject=_PEER)
    return [_announced(key) for key in usable or (before.box_keys() if before else []) or [trusted.box]]


def _announced(key: BoxPublicKey) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(
        AnnouncedBox(version=key.version, kem=key.kem, public=encode_key(key.public))
    )
    return plain


def _tell(action: str, alert: str, subject: str, detail: str, **facts: Any) -> None:
    record(action=action, actor=SYSTEM, resource_type="site", resource_id=str(settings.PEER), metadata=facts)
    raise_alert(code=alert, subject=subject, detail=detail)
