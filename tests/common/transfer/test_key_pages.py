"""The admin's page of keys: everybody on duty sees them, admins alone change them, after reading what will happen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from common_apps.audit.actors import SYSTEM
from common_apps.audit.models import AuditLog
from common_apps.transfer.bundle.header import AnnouncedSigning
from common_apps.transfer.keys import KeyFolder
from common_apps.transfer.keys.changes import add_signing_key
from common_apps.transfer.keys.peers import encode_key
from common_apps.transfer.services import scan_imports
from tests.common.transfer.kit import NOON, Peer
from tests.factories import make_user

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/transfer/leavingkey/"


@pytest.fixture
def announced(peer: Peer) -> str:
    """Fingerprint of a signing key that the peer has announced."""
    old, new = peer.keys.signing_key(), add_signing_key(peer.keys, created_at=NOON)
    signing = [AnnouncedSigning(version=key.version, public=encode_key(key.public)) for key in (new, old)]
    peer.tell(hello={"signing": signing}, signing=old)
    assert [each.outcome for each in scan_imports(actor=SYSTEM)] == ["completed"]
    return new.fingerprint


def _enter(client: Client, role: str) -> Any:
    user = make_user(f"{role}-at-work", role=role)
    client.force_login(user)
    return user


def _changes(peer: Peer, announced: str) -> dict[str, dict[str, str]]:
    """Each page of a change, and what is answered there."""
    old = peer.keys.signing_keys()[-1].fingerprint
    return {
        f"{LIST}change/rotate-box/": {"kem": "mlkem768-x25519"},
        f"{LIST}change/rotate-signing/": {"any": "thing"},
        f"{LIST}change/confirm/{announced}/": {"compared": "on"},
        f"{LIST}change/revoke/{old}/": {"sure": "on"},
    }


def test_page_shows_every_key_and_the_words_to_compare(client: Client, peer: Peer, announced: str) -> None:
    _enter(client, "admin")
    page = client.get(LIST).content.decode()
    for word in peer.keys.public_keys().words:
        assert word in page
    assert "announced, not confirmed" in page
    for address in _changes(peer, announced):
        assert f'href="{address}"' in page
    assert "style=" not in page.partition('<div id="content-main">')[2].partition("</table>")[0]


def test_admin_changes_keys_when_the_effect_was_confirmed(
    client: Client, peer: Peer, announced: str, settings: Any
) -> None:
    user = _enter(client, "admin")
    folder = KeyFolder(Path(settings.KEY_DIR))
    for address, answers in _changes(peer, announced).items():
        assert client.get(address).status_code == 200
        assert not AuditLog.objects.filter(action__startswith="keys.", user_id=user.pk).exists()
        if "rotate" not in address:
            # Without the answer nothing is done.
            assert client.post(address, {"any": "thing"}).status_code == 200
            assert not AuditLog.objects.filter(action__startswith="keys.", user_id=user.pk).exists()
        answer = client.post(address, answers, follow=True)
        assert 'class="success"' in answer.content.decode()
        (audited,) = AuditLog.objects.filter(action__startswith="keys.", user_id=user.pk)
        assert audited.resource_type == "keys"
        user = _enter_again(client, user)
    assert [key.kem.value for key in folder.box_keys()] == ["mlkem768-x25519", "x25519"]
    assert [key.version for key in folder.signing_keys()] == ["v2", "v1"]
    assert [(key.fingerprint == announced, key.status) for key in folder.peer(peer.site).signing] == [
        (True, "active"),
        (False, "revoked"),
    ]


def _enter_again(client: Client, user: Any) -> Any:
    """Somebody else, so that each change's audit row is found by its user."""
    another = make_user(f"{user.username}-too", role="admin")
    client.force_login(another)
    return another


def test_operator_sees_the_keys_and_changes_none(client: Client, peer: Peer, announced: str, settings: Any) -> None:
    _enter(client, "operator")
    page = client.get(LIST)
    assert page.status_code == 200
    assert "change/" not in page.content.decode().partition('<div id="content-main">')[2]
    for address, answers in _changes(peer, announced).items():
        assert client.get(address).status_code == 403
        assert client.post(address, answers).status_code == 403
    assert len(KeyFolder(Path(settings.KEY_DIR)).box_keys()) == 1


def test_page_says_what_is_wrong_when_keys_can_not_be_read(client: Client, peer: Peer, settings: Any) -> None:
    _enter(client, "admin")
    (Path(settings.KEY_DIR) / "box" / "v1.json").chmod(0o444)
    page = client.get(LIST)
    assert page.status_code == 200 and "chmod 0400" in page.content.decode()
    answer = client.post(f"{LIST}change/rotate-box/", {"kem": ""}, follow=True)
    assert 'class="error"' in answer.content.decode()
    assert client.get(f"{LIST}change/confirm/{'ab' * 32}/").status_code == 404


def test_page_says_so_when_the_key_was_revoked_meanwhile(client: Client, peer: Peer, announced: str) -> None:
    _enter(client, "admin")
    assert client.post(f"{LIST}change/revoke/{announced}/", {"sure": "on"}).status_code == 302
    answer = client.post(f"{LIST}change/confirm/{announced}/", {"compared": "on"}, follow=True)
    assert "was revoked here" in answer.content.decode()
