"""Changes to a key folder, in any order, broken off anywhere: it stays usable, and forgets nothing too early."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from common_apps.core import failpoints
from common_apps.transfer.bundle.keypairs import BoxKey, Kem, SigningKey
from common_apps.transfer.keys import KeyFileError, KeyFolder, KeysMissingError, TrustError
from common_apps.transfer.keys.changes import (
    add_box_key,
    add_signing_key,
    confirm_peer_key,
    demote_boxes,
    find_peer_key,
    retire_box_key,
    retire_signing_key,
    set_peer_key,
)

NOW = datetime(2026, 11, 23, 14, 5, 6, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> KeyFolder:
    made = KeyFolder(tmp_path / "keys")
    made.generate(site="request", created_at=NOW)
    return made


def test_new_box_key_is_of_the_kem_that_there_was(folder: KeyFolder) -> None:
    assert add_box_key(folder, created_at=NOW).kem is Kem.X25519
    assert add_box_key(folder, created_at=NOW, kem=Kem.MLKEM768_X25519).kem is Kem.MLKEM768_X25519
    assert add_box_key(folder, created_at=NOW).kem is Kem.MLKEM768_X25519
    assert [(key.version, key.status) for key in folder.box_keys()] == [
        ("v4", "active"),
        ("v3", "decrypt_only"),
        ("v2", "decrypt_only"),
        ("v1", "decrypt_only"),
    ]
    modes = {path.stat().st_mode & 0o7777 for path in folder.box_dir.iterdir()}
    assert modes == {0o400}


def test_two_who_rotate_at_once_make_two_keys(folder: KeyFolder) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: add_box_key(folder, created_at=NOW).version, range(16)))
    assert sorted(made, key=lambda version: int(version[1:])) == [f"v{number}" for number in range(2, 18)]
    assert [key.status for key in folder.box_keys()].count("active") == 1


def test_number_is_never_used_again_when_the_newest_key_is_retired(folder: KeyFolder) -> None:
    retire_signing_key(folder, add_signing_key(folder, created_at=NOW))
    assert folder.signing_key().version == "v1"
    assert add_signing_key(folder, created_at=NOW).version == "v3"


def test_half_written_key_goes_with_the_next_change(folder: KeyFolder) -> None:
    stray = folder.box_dir / ".v2.json.x.part"
    stray.write_text("a private key, half of it")
    add_box_key(folder, created_at=NOW)
    assert not stray.exists()


def test_file_that_holds_a_key_of_another_version_is_refused(folder: KeyFolder) -> None:
    shutil.copy(folder.box_dir / "v1.json", folder.box_dir / "v2.json")
    with pytest.raises(KeyFileError, match="it holds the key v1"):
        folder.box_keys()


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: add_box_key(folder, created_at=NOW),
        lambda folder: add_signing_key(folder, created_at=NOW),
        lambda folder: confirm_peer_key(folder, "response", bytes(32)),
        lambda folder: find_peer_key(folder, "response", "ab" * 32),
    ],
)
def test_nothing_is_changed_where_there_are_no_keys(tmp_path: Path, change: Callable[[KeyFolder], Any]) -> None:
    with pytest.raises((KeysMissingError, FileNotFoundError)):
        change(KeyFolder(tmp_path / "none"))
    assert not (tmp_path / "none").exists()


class Changes(RuleBasedStateMachine):
    """One site's folder, and the signing keys that its peer ever had."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="airferry-keys-"))
        self.folder = KeyFolder(self.root / "keys")
        self.folder.generate(site="request", created_at=NOW)
        there = KeyFolder(self.root / "there")
        public = there.generate(site="response", created_at=NOW)
        self.folder.trust(public)
        self.peers = [public.signing]
        self.revoked: set[bytes] = set()
        self.boxes: set[str] = {self.folder.box_key().public_key.box_key}
        self.retired: set[str] = set()

    def teardown(self) -> None:
        failpoints.disarm()
        shutil.rmtree(self.root)

    @rule(armed=st.sampled_from(["", "keys.box_written=crash", "keys.box_written=eio"]))
    def rotate_box(self, armed: str) -> None:
        failpoints.arm(armed)
        before = {key.public_key.box_key for key in self.folder.box_keys()}
        try:
            add_box_key(self.folder, created_at=NOW)
        except (failpoints.Crash, OSError):
            assert armed
        failpoints.disarm()
        (new,) = {key.public_key.box_key for key in self.folder.box_keys()} - before
        assert self.folder.box_key().public_key.box_key == new
        self.boxes.add(new)

    @rule(armed=st.sampled_from(["", "keys.signing_written=crash"]))
    def rotate_signing(self, armed: str) -> None:
        failpoints.arm(armed)
        before = self.folder.signing_key()
        try:
            add_signing_key(self.folder, created_at=NOW)
        except failpoints.Crash:
            assert armed
        failpoints.disarm()
        assert self.folder.signing_key() != before

    @rule()
    def settle(self) -> None:
        demote_boxes(self.folder)
        assert [key.status for key in self.folder.box_keys()].count("active") == 1

    @rule(place=st.integers(0, 5))
    def retire_box(self, place: int) -> None:
        keys = [key for key in self.folder.box_keys() if key.status == "decrypt_only"]
        if keys:
            key: BoxKey = keys[place % len(keys)]
            retire_box_key(self.folder, key)
            self.retired.add(key.public_key.box_key)

    @precondition(lambda self: len(self.folder.signing_keys()) > 1)
    @rule()
    def retire_signing(self) -> None:
        retire_signing_key(self.folder, self.folder.signing_keys()[-1])

    @rule(armed=st.sampled_from(["", "keys.trust_written=crash"]), known=st.booleans(), place=st.integers(0, 5))
    def confirm(self, armed: str, known: bool, place: int) -> None:
        if not known:
            self.peers.append(SigningKey.generate(site="response", version="v9").public)
        public = self.peers[place % len(self.peers)] if known else self.peers[-1]
        failpoints.arm(armed)
        try:
            confirm_peer_key(self.folder, "response", public)
        except failpoints.Crash:
            assert armed
        except TrustError:
            assert public in self.revoked
            return
        finally:
            failpoints.disarm()
        assert public not in self.revoked
        newest = self.folder.peer("response").signing[0]
        assert (newest.public, newest.status) == (public, "active")

    @rule(place=st.integers(0, 5), status=st.sampled_from(["retired", "revoked"]))
    def end(self, place: int, status: Any) -> None:
        public = self.peers[place % len(self.peers)]
        if public in self.revoked:
            return
        set_peer_key(self.folder, "response", public, status)
        if status == "revoked":
            self.revoked.add(public)

    @invariant()
    def folder_is_usable(self) -> None:
        assert self.folder.own_site() == "request"
        known = {key.public_key.box_key: key.status for key in self.folder.box_keys()}
        assert set(known) == self.boxes
        assert {name for name, status in known.items() if status == "retired"} == self.retired
        believed = {key.public for key in self.folder.trusted_keys()}
        assert not believed & self.revoked
        assert [key.status for key in self.folder.peer("response").signing].count("active") <= 1


Changes.TestCase.settings = settings(max_examples=25, stateful_step_count=12)
TestChanges = Changes.TestCase
