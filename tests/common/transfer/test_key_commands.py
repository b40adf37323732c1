"""`keys rotate, confirm, revoke, list`: what an operator types, and reads."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from common_apps.audit.actors import SYSTEM
from common_apps.transfer.bundle.header import AnnouncedSigning
from common_apps.transfer.keys import KeyFolder
from common_apps.transfer.keys.changes import add_signing_key
from common_apps.transfer.keys.peers import encode_key
from common_apps.transfer.services import scan_imports
from tests.common.transfer.kit import NOON, Peer

pytestmark = pytest.mark.django_db(transaction=True)


def _run(*arguments: Any) -> str:
    out = StringIO()
    call_command("keys", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def announced(peer: Peer) -> str:
    """Fingerprint of a signing key that the peer has announced."""
    old, new = peer.keys.signing_key(), add_signing_key(peer.keys, created_at=NOON)
    signing = [AnnouncedSigning(version=key.version, public=encode_key(key.public)) for key in (new, old)]
    peer.tell(hello={"signing": signing}, signing=old)
    assert [each.outcome for each in scan_imports(actor=SYSTEM)] == ["completed"]
    return new.fingerprint


def _believed(settings: Any) -> list[str]:
    folder = KeyFolder(Path(settings.KEY_DIR))
    return [key.fingerprint for key in folder.peer(settings.PEER).signing if key.believed]


def test_rotate_makes_a_box_key_of_the_kem_that_there_is_or_is_asked_for(peer: Peer, settings: Any) -> None:
    folder = KeyFolder(Path(settings.KEY_DIR))
    assert "box key v2, x25519" in _run("rotate")
    assert "box key v3, mlkem768-x25519" in _run("rotate", "--kem", "mlkem768-x25519")
    assert "box key v4, mlkem768-x25519" in _run("rotate")
    assert [key.status for key in folder.box_keys()] == ["active", *["decrypt_only"] * 3]


def test_rotate_signing_shows_the_words_to_be_compared(peer: Peer, settings: Any) -> None:
    told = _run("rotate", "--signing")
    assert KeyFolder(Path(settings.KEY_DIR)).signing_key().fingerprint in told
    assert "keys confirm" in told
    assert _run("fingerprint") in told
    with pytest.raises(CommandError, match="--kem is for box keys"):
        _run("rotate", "--signing", "--kem", "x25519")


def test_rotate_says_what_to_do_when_there_are_no_keys(folders: Path, db: None) -> None:
    (folders / "key").rmdir()
    for arguments in (("rotate",), ("rotate", "--signing"), ("confirm", "ab" * 32), ("revoke", "ab" * 32)):
        with pytest.raises(CommandError, match=r"keys generate|keys export-public"):
            _run(*arguments)


@pytest.mark.parametrize("answer", ["yes", "no", None])
def test_confirm_shows_the_words_and_asks(
    announced: str, peer: Peer, settings: Any, monkeypatch: pytest.MonkeyPatch, answer: str | None
) -> None:
    def reply(_: str) -> str:
        if answer is None:
            raise EOFError
        return answer

    monkeypatch.setattr("builtins.input", reply)
    if answer is None:
        with pytest.raises(CommandError, match="give the expected fingerprint"):
            _run("confirm")
    else:
        words = " ".join(peer.keys.public_keys().words)
        assert words in " ".join(_run("confirm").split())
    assert (announced in _believed(settings)) is (answer == "yes")
    if answer == "yes":
        with pytest.raises(CommandError, match="no key that waits"):
            _run("confirm")


def test_confirm_takes_the_expected_fingerprint_instead_of_asking(announced: str, settings: Any) -> None:
    with pytest.raises(CommandError, match="announced no signing key"):
        _run("confirm", "ab" * 32)
    assert "is believed" in _run("confirm", announced)
    assert _believed(settings)[0] == announced


def test_revoke_warns_when_no_key_is_left(announced: str, peer: Peer, settings: Any) -> None:
    (old,) = _believed(settings)
    _run("confirm", announced)
    assert "is revoked" in _run("revoke", old) and _believed(settings) == [announced]
    assert "keys trust FILE --replace" in _run("revoke", announced)
    assert _believed(settings) == []
    with pytest.raises(CommandError, match="revoked here"):
        _run("confirm", announced)


def test_list_tells_statuses_and_the_words_that_wait(announced: str, peer: Peer, settings: Any) -> None:
    table = _run("list")
    assert "announced, not confirmed" in table
    assert " ".join(peer.keys.public_keys().words) in " ".join(table.split())
    rows = json.loads(_run("list", "--json"))
    (row,) = [each for each in rows if each["fingerprint"] == announced]
    assert (row["status"], row["words"]) == ("announced, not confirmed", " ".join(peer.keys.public_keys().words))
