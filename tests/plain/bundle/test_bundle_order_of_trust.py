"""Until a trusted key has verified, the bytes are anybody's: no JSON, no zstd, no decryption is tried on them."""

import json
import os
import socket
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard

from common_apps.core import strict_json
from common_apps.transfer.bundle import chunks, header
from common_apps.transfer.bundle.envelope import TrustedKey, check_envelope, check_signature, measure, take_copy
from common_apps.transfer.bundle.errors import BundleError, Code
from common_apps.transfer.bundle.keypairs import BoxKey
from common_apps.transfer.bundle.limits import Limits
from common_apps.transfer.bundle.reader import read_header
from common_apps.transfer.bundle.streams import STREAMS
from tests.plain.bundle.workshop import Workshop


class _Spy:
    """Counts the calls of what it stands before."""

    def __init__(self, real: Any, name: str, calls: list[str]) -> None:
        self._real, self._name, self._calls = real, name, calls

    def __call__(self, *args: Any, **options: Any) -> Any:
        self._calls.append(self._name)
        return self._real(*args, **options)

    def decode(self, *args: Any) -> Any:
        self._calls.append(self._name)
        return self._real.decode(*args)

    def decode_lines(self, *args: Any) -> Any:
        self._calls.append(self._name)
        return self._real.decode_lines(*args)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was called of JSON, zstd and the ciphers, in order."""
    made: list[str] = []
    for owner, name, label in (
        (strict_json, "loads", "json"),
        (json, "loads", "json"),
        (msgspec.json, "decode", "json"),
        (zstandard, "ZstdDecompressor", "zstd"),
        (chunks, "AESGCM", "decrypt"),
        (header, "_DECODER", "json"),
    ):
        monkeypatch.setattr(owner, name, _Spy(getattr(owner, name), label, made))
    for spec in STREAMS.values():
        for schema, decoder in spec.decoders.items():
            monkeypatch.setitem(spec.decoders, schema, _Spy(decoder, "json", made))
    unwrap = _Spy(BoxKey.unwrap, "unwrap", made)
    monkeypatch.setattr(BoxKey, "unwrap", lambda *args: unwrap(*args))
    return made


def test_neither_json_nor_zstd_is_called_when_nobody_is_trusted(workshop: Workshop, calls: list[str]) -> None:
    path = workshop.forge()
    calls.clear()
    envelope = check_envelope(take_copy(path, workshop.private))
    with pytest.raises(BundleError) as caught:
        check_signature(envelope, [])
    assert (caught.value.code, calls) == (Code.BAD_SIGNATURE, [])


def test_neither_json_nor_zstd_is_called_when_another_key_signed(workshop: Workshop, calls: list[str]) -> None:
    path = workshop.forge(signer="response")
    calls.clear()
    assert workshop.code_of(path) == Code.BAD_SIGNATURE
    assert calls == []


def test_spies_see_the_calls_when_the_signer_is_trusted(workshop: Workshop, calls: list[str]) -> None:
    path = workshop.forge()
    calls.clear()
    envelope = check_envelope(take_copy(path, workshop.private))
    signer = check_signature(envelope, workshop.trusted("response"))
    assert calls == []
    read_header(envelope, signer, "response")
    assert set(calls) == {"json"}
    calls.clear()
    assert workshop.code_of(path) is None
    assert {"json", "zstd", "decrypt", "unwrap"} <= set(calls)


def test_ones_own_bundle_is_told_from_a_strangers(workshop: Workshop) -> None:
    envelope = check_envelope(measure(workshop.forge()))
    old, new = (
        TrustedKey("request", workshop.signing[site].public, frozenset(STREAMS)) for site in ("request", "response")
    )
    signer = check_signature(envelope, [], [new, old])
    assert (signer.own, signer.site, signer.fingerprint) == (True, "request", workshop.signing["request"].fingerprint)
    assert read_header(envelope, signer, "request").source == "request"


def test_copy_is_judged_and_not_what_the_medium_says_later(workshop: Workshop) -> None:
    path = workshop.forge()
    copied = take_copy(path, workshop.private)
    path.write_bytes(b"something else")
    assert copied.path.parent == workshop.private
    assert copied.path.name == f"{copied.checksum}.enc"
    assert check_envelope(copied).file.checksum == copied.checksum


def test_source_is_never_written(workshop: Workshop) -> None:
    path = workshop.forge()
    path.chmod(0o400)
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    take_copy(path, workshop.private)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def _make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(path.parent)
        server.bind(path.name)


UNPLAIN = {
    "symbolic link": lambda path, sound: path.symlink_to(sound),
    "dangling link": lambda path, sound: path.symlink_to("/nowhere"),
    "hard link": lambda path, sound: path.hardlink_to(sound),
    "pipe": lambda path, sound: os.mkfifo(path),
    "folder": lambda path, sound: path.mkdir(),
    "socket": lambda path, sound: _make_socket(path),
}


@pytest.mark.parametrize("name", UNPLAIN)
def test_what_is_no_plain_file_is_not_read(workshop: Workshop, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workshop.exports)
    path = workshop.exports / "thing"
    UNPLAIN[name](path, workshop.forge())
    with pytest.raises(BundleError) as caught:
        take_copy(path, workshop.private)
    assert caught.value.code == Code.NOT_REGULAR
    assert list(workshop.private.iterdir()) == []


def test_device_is_not_read(workshop: Workshop) -> None:
    with pytest.raises(BundleError, match="not_regular"):
        take_copy(Path("/dev/zero"), workshop.private)


def test_sparse_file_above_the_limit_is_not_copied(workshop: Workshop) -> None:
    path = workshop.exports / "sparse"
    with path.open("wb") as target:
        target.truncate(4 * 1024**3)
    with pytest.raises(BundleError, match="too_large"):
        take_copy(path, workshop.private)
    assert list(workshop.private.iterdir()) == []


def test_disk_is_full_when_there_is_not_enough_room(workshop: Workshop) -> None:
    with pytest.raises(BundleError, match="disk_full"):
        take_copy(workshop.forge(), workshop.private, Limits(free_disk_factor=10**15))
    assert list(workshop.private.iterdir()) == []
