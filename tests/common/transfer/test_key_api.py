"""Keys by API: public facts for whoever is on duty; changes for admins with a token alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from common_apps.accounts.choices import Scope
from common_apps.accounts.services.api_keys import create_api_key
from common_apps.accounts.services.tokens import issue_tokens
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

API = "/api/v1/admin/keys/"


def _client(role: str) -> APIClient:
    client = APIClient()
    user = make_user(f"{role}-at-work", role=role)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_tokens(user=user).access}")
    return client


def _announce(peer: Peer) -> tuple[str, str]:
    old, new = peer.keys.signing_key(), add_signing_key(peer.keys, created_at=NOON)
    signing = [AnnouncedSigning(version=key.version, public=encode_key(key.public)) for key in (new, old)]
    peer.tell(hello={"signing": signing}, signing=old)
    assert [each.outcome for each in scan_imports(actor=SYSTEM)] == ["completed"]
    return old.fingerprint, new.fingerprint


def test_admin_lists_and_changes_keys(peer: Peer) -> None:
    old, new = _announce(peer)
    client = _client("admin")
    rows = client.get(API).json()["results"]
    assert [row["status"] for row in rows if row["fingerprint"] == new] == ["announced, not confirmed"]
    for name, body, audited in (
        ("rotate", {"kem": "mlkem768-x25519"}, "keys.box_rotated"),
        ("rotate", {"use": "signing"}, "keys.signing_rotated"),
        ("confirm", {"fingerprint": new}, "keys.confirmed"),
        ("revoke", {"fingerprint": old}, "keys.revoked"),
    ):
        answer = client.post(f"{API}{name}/", body, format="json")
        assert answer.status_code == 200, answer.content
        assert AuditLog.objects.get(action=audited).user_id is not None
    statuses = {(row["site"], row["use"], row["version"], row["status"]) for row in answer.json()["results"]}
    assert {row["status"] for row in answer.json()["results"] if row["fingerprint"] == old} == {"revoked"}
    assert {
        (peer.here, "box", "v2", "active"),
        (peer.here, "box", "v1", "decrypt_only"),
        (peer.here, "signing", "v2", "new"),
    } <= statuses


@pytest.mark.parametrize(
    ("name", "body", "status", "code"),
    [
        ("rotate", {"use": "signing", "kem": "x25519"}, 400, "validation_failed"),
        ("rotate", {"kem": "rot13"}, 400, "validation_failed"),
        ("confirm", {"fingerprint": "ab"}, 400, "validation_failed"),
        ("confirm", {"fingerprint": "ab" * 32}, 404, "not_found"),
        ("revoke", {}, 400, "validation_failed"),
    ],
)
def test_change_is_refused_when_it_makes_no_sense(
    peer: Peer, name: str, body: dict[str, Any], status: int, code: str
) -> None:
    answer = _client("admin").post(f"{API}{name}/", body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_key_folder_that_can_not_be_read_is_told_plainly(peer: Peer, settings: Any) -> None:
    (Path(settings.KEY_DIR) / "box" / "v1.json").chmod(0o444)
    client = _client("admin")
    for answer in (client.get(API), client.post(f"{API}rotate/", {}, format="json")):
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
        assert "chmod 0400" in answer.json()["detail"]


def test_nobody_but_an_admin_with_a_token_changes_keys(peer: Peer, settings: Any) -> None:
    operator = _client("operator")
    assert operator.get(API).status_code == 200
    _, secret = create_api_key(
        user=make_user("ada", role="admin"), name="all", scopes=list(Scope), expires_at=None, actor=SYSTEM
    )
    by_key = APIClient()
    by_key.credentials(HTTP_AUTHORIZATION=f"Api-Key {secret}")
    assert by_key.get(API).status_code == 200
    for client in (operator, by_key, _client("user"), APIClient()):
        assert client.post(f"{API}rotate/", {}, format="json").status_code in (401, 403)
    assert _client("system").get(API).status_code == 403
    assert len(KeyFolder(Path(settings.KEY_DIR)).box_keys()) == 1
