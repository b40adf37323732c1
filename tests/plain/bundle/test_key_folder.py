"""The key folder: made once, kept private, changed by nobody in silence."""

import base64
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from common_apps.transfer.bundle.keypairs import Kem, signature_verifies
from common_apps.transfer.keys import (
    KeyFileError,
    KeyFolder,
    KeyFolderError,
    KeysExistError,
    KeysMissingError,
    TrustError,
    read_public_file,
    words_of,
)
from common_apps.transfer.keys.changes import export_public

NOW = datetime(2026, 11, 23, 14, 5, 6, tzinfo=UTC)


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, KeyFolder]:
    """Key folders of both sites, with keys, trusting nobody."""
    made = {site: KeyFolder(tmp_path / site / "keys") for site in ("request", "response")}
    made["request"].generate(site="request", created_at=NOW)
    made["response"].generate(site="response", created_at=NOW, kem=Kem.MLKEM768_X25519)
    return made


def test_keys_are_private_when_they_are_made(folders: dict[str, KeyFolder]) -> None:
    root = folders["request"].path
    modes = {str(path.relative_to(root)): path.stat().st_mode & 0o7777 for path in root.rglob("*")}
    assert root.stat().st_mode & 0o7777 == 0o700
    assert modes == {"signing": 0o700, "signing/v1.json": 0o400, "box": 0o700, "box/v1.json": 0o400}


def test_files_hold_exactly_the_fields_of_the_format(folders: dict[str, KeyFolder]) -> None:
    signing = json.loads((folders["request"].path / "signing" / "v1.json").read_text())
    box = json.loads((folders["response"].path / "box" / "v1.json").read_text())
    assert set(signing) == {"site", "version", "private", "status", "created_at"}
    assert (signing["site"], signing["status"], signing["created_at"]) == ("request", "active", "2026-11-23T14:05:06Z")
    assert len(base64.b64decode(signing["private"])) == 32
    assert set(box) == {"version", "kem", "private", "status", "created_at"}
    assert (box["kem"], len(base64.b64decode(box["private"]))) == ("mlkem768-x25519", 96)


def test_loaded_keys_sign_and_open(folders: dict[str, KeyFolder]) -> None:
    signing = folders["request"].signing_key()
    assert signature_verifies(signing.public, signing.sign(b"x" * 48), b"x" * 48)
    assert not signature_verifies(signing.public, signing.sign(b"x" * 48), b"y" * 48)
    for folder in folders.values():
        box = folder.box_key()
        assert box.unwrap(box.public_key.wrap(b"d" * 32, b"info"), b"info") == b"d" * 32
        assert folder.find_box_key(box.public_key.box_key) == box
        assert folder.find_box_key("00" * 32) is None


def test_generate_refuses_when_keys_are_there(folders: dict[str, KeyFolder]) -> None:
    before = folders["request"].signing_key()
    with pytest.raises(KeysExistError, match="holds the keys of the request site"):
        folders["request"].generate(site="request", created_at=NOW)
    assert folders["request"].signing_key() == before


def test_generate_makes_up_what_a_broken_run_left_out(folders: dict[str, KeyFolder]) -> None:
    folder = folders["request"]
    signing = folder.signing_key()
    (folder.path / "box" / "v1.json").unlink()
    assert not folder.has_own_keys()
    folder.generate(site="request", created_at=NOW)
    assert folder.signing_key() == signing
    assert folder.has_own_keys()


def test_generate_refuses_when_the_folder_is_another_sites(folders: dict[str, KeyFolder]) -> None:
    (folders["request"].path / "box" / "v1.json").unlink()
    with pytest.raises(KeyFileError, match="of the request site"):
        folders["request"].generate(site="response", created_at=NOW)


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        (".", 0o750),
        (".", 0o701),
        ("signing", 0o755),
        ("box", 0o770),
        ("signing/v1.json", 0o600),
        ("box/v1.json", 0o440),
    ],
)
def test_looser_modes_are_refused_with_a_cure(folders: dict[str, KeyFolder], name: str, mode: int) -> None:
    folder = folders["request"]
    (folder.path / name).chmod(mode)
    with pytest.raises(KeyFileError) as caught:
        folder.public_keys()
    assert f"{mode:04o}" in caught.value.detail
    assert "chmod" in caught.value.cure


def test_generate_refuses_a_folder_that_others_may_read(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir(mode=0o755)
    (tmp_path / "keys").chmod(0o755)
    with pytest.raises(KeyFileError, match="chmod 0700"):
        KeyFolder(tmp_path / "keys").generate(site="request", created_at=NOW)


def test_missing_keys_are_told_with_a_cure(tmp_path: Path) -> None:
    folder = KeyFolder(tmp_path / "none")
    assert (folder.signing_keys(), folder.box_keys(), folder.peers(), folder.trusted_keys()) == ([], [], {}, [])
    for ask in (folder.signing_key, folder.box_key, folder.public_keys, folder.own_site):
        with pytest.raises(KeysMissingError, match="keys generate"):
            ask()


@pytest.mark.parametrize(
    "change",
    [
        lambda content: {**content, "private": content["private"][:-4]},
        lambda content: {**content, "private": "#" + content["private"][1:]},
        lambda content: {**content, "status": "lost"},
        lambda content: {**content, "more": 1},
        lambda content: {name: value for name, value in content.items() if name != "created_at"},
    ],
)
def test_damaged_key_file_is_refused_without_telling_the_key(
    folders: dict[str, KeyFolder], change: Callable[[dict], dict]
) -> None:
    path = folders["request"].path / "signing" / "v1.json"
    content = json.loads(path.read_text())
    path.chmod(0o600)
    path.write_text(json.dumps(change(content)))
    path.chmod(0o400)
    with pytest.raises(KeyFileError) as caught:
        folders["request"].signing_key()
    assert str(path) in caught.value.detail
    assert content["private"][:8] not in str(caught.value)


def test_symbolic_link_is_no_key_file(folders: dict[str, KeyFolder], tmp_path: Path) -> None:
    path = folders["request"].path / "signing" / "v1.json"
    path.rename(tmp_path / "elsewhere.json")
    path.symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises((OSError, KeyFolderError)):
        folders["request"].signing_key()


def test_newest_key_comes_first_and_retired_ones_are_kept(folders: dict[str, KeyFolder]) -> None:
    folder = folders["request"]
    old = folder.path / "signing" / "v1.json"
    content = json.loads(old.read_text())
    private = base64.b64encode(bytes(range(32))).decode()
    for number, status in ((2, "active"), (10, "retired")):
        path = folder.path / "signing" / f"v{number}.json"
        path.write_text(json.dumps({**content, "version": f"v{number}", "private": private, "status": status}))
        path.chmod(0o400)
    assert [key.version for key in folder.signing_keys()] == ["v10", "v2", "v1"]
    assert folder.signing_key().version == "v2"
    assert len(folder.own_trusted_keys()) == 3


def _exchange(folders: dict[str, KeyFolder], tmp_path: Path) -> Path:
    return export_public(folders["response"], tmp_path)


def test_public_file_is_named_for_its_site_and_holds_no_secret(folders: dict[str, KeyFolder], tmp_path: Path) -> None:
    path = _exchange(folders, tmp_path)
    content = json.loads(path.read_text())
    assert path.name == "response.pub.json"
    assert set(content) == {"site", "signing", "box"}
    assert (set(content["signing"]), set(content["box"])) == ({"version", "key"}, {"version", "kem", "key"})
    assert read_public_file(path) == folders["response"].public_keys()
    assert base64.b64encode(folders["response"].signing_key().private).decode() not in path.read_text()


def test_trusted_peer_may_sign_its_own_streams_alone(folders: dict[str, KeyFolder], tmp_path: Path) -> None:
    public = read_public_file(_exchange(folders, tmp_path))
    assert folders["request"].trust(public) is True
    assert folders["request"].trust(public) is False
    [key] = folders["request"].trusted_keys()
    assert (key.site, key.public) == ("response", folders["response"].signing_key().public)
    assert "results" in key.streams
    assert "requests" not in key.streams
    assert folders["request"].peer("response").box == folders["response"].box_key().public_key
    content = json.loads((folders["request"].path / "trust.json").read_text())
    assert set(content["peers"]["response"]) == {"signing", "streams", "box"}
    assert (folders["request"].path / "trust.json").stat().st_mode & 0o7777 == 0o400


def test_other_keys_of_a_trusted_peer_are_not_taken_in_silence(folders: dict[str, KeyFolder], tmp_path: Path) -> None:
    folders["request"].trust(read_public_file(_exchange(folders, tmp_path)))
    other = KeyFolder(tmp_path / "rebuilt")
    new = other.generate(site="response", created_at=NOW)
    with pytest.raises(TrustError, match="other keys already"):
        folders["request"].trust(new)
    assert len(folders["request"].trusted_keys()) == 1
    assert folders["request"].trust(new, replace=True) is True
    peer = folders["request"].peer("response")
    assert [key.status for key in peer.signing] == ["active", "retiring"]
    assert (peer.signing[0].fingerprint, peer.box) == (new.fingerprint, new.box)
    assert len(peer.trusted_keys()) == 2


def test_revoked_key_is_neither_believed_nor_trusted_again(folders: dict[str, KeyFolder], tmp_path: Path) -> None:
    public = read_public_file(_exchange(folders, tmp_path))
    folders["request"].trust(public)
    path = folders["request"].path / "trust.json"
    content = path.read_text().replace('"active"', '"revoked"')
    path.unlink()
    path.write_text(content)
    path.chmod(0o400)
    assert folders["request"].trusted_keys() == []
    with pytest.raises(TrustError, match="revoked"):
        folders["request"].trust(public, replace=True)


def test_ones_own_public_file_is_not_trusted(folders: dict[str, KeyFolder], tmp_path: Path) -> None:
    own = read_public_file(export_public(folders["request"], tmp_path))
    with pytest.raises(TrustError, match="so is this"):
        folders["request"].trust(own)


PUBLIC_FAULTS: dict[str, Callable[[dict], object]] = {
    "a list": lambda content: [],
    "unknown field": lambda content: {**content, "more": 1},
    "unknown site": lambda content: {**content, "site": "mars"},
    "no box": lambda content: {"site": content["site"], "signing": content["signing"]},
    "short signing key": lambda content: {**content, "signing": {"version": "v1", "key": "AAAA"}},
    "unknown kem": lambda content: {**content, "box": {**content["box"], "kem": "rot13"}},
    "key of another kem": lambda content: {**content, "box": {**content["box"], "kem": "x25519"}},
    "useless box key": lambda content: {
        **content,
        "box": {"version": "v1", "kem": "x25519", "key": base64.b64encode(bytes(32)).decode()},
    },
    "bad version": lambda content: {**content, "box": {**content["box"], "version": "../v1"}},
}


@pytest.mark.parametrize("name", PUBLIC_FAULTS)
def test_public_file_is_refused_when_it_is_not_sound(folders: dict[str, KeyFolder], tmp_path: Path, name: str) -> None:
    path = _exchange(folders, tmp_path)
    path.write_text(json.dumps(PUBLIC_FAULTS[name](json.loads(path.read_text()))))
    with pytest.raises(TrustError, match="export-public"):
        read_public_file(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"results"', '"requests"'),
        lambda text: text.replace('"fingerprint": "', '"fingerprint": "0'),
        lambda text: text.replace('"active"', '"perhaps"'),
        lambda text: text[:-10],
        lambda text: text.replace('"peers": {', '"peers": {}, "peers": {'),
    ],
)
def test_damaged_trust_file_trusts_nobody(
    folders: dict[str, KeyFolder], tmp_path: Path, change: Callable[[str], str]
) -> None:
    folders["request"].trust(read_public_file(_exchange(folders, tmp_path)))
    path = folders["request"].path / "trust.json"
    text = path.read_text()
    path.unlink()
    path.write_text(change(text))
    path.chmod(0o400)
    assert change(text) != text
    with pytest.raises(KeyFileError, match=r"trust\.json"):
        folders["request"].trusted_keys()


def test_unreadable_strangers_in_the_folder_are_left_alone(folders: dict[str, KeyFolder]) -> None:
    (folders["request"].path / "signing" / "notes.txt").write_text("hello")
    (folders["request"].path / "signing" / ".v2.json.x.part").write_text("half")
    assert len(folders["request"].signing_keys()) == 1


# The examples of the PGP word list's own documentation and of its other implementations.
@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("0000", "aardvark adroitness"),
        ("ffff", "Zulu Yucatan"),
        (
            "e58294f2e9a227486e8b061b31cc528fd7fa3f19",
            "topmost Istanbul Pluto vagabond treadmill Pacific brackish dictator goldfish Medusa afflict bravado "
            "chatter revolver Dupont midsummer stopwatch whimsical cowbell bottomless",
        ),
    ],
)
def test_words_are_those_of_the_pgp_word_list(raw: str, words: str) -> None:
    assert " ".join(words_of(bytes.fromhex(raw))) == words


def test_every_byte_has_words_of_its_own(folders: dict[str, KeyFolder]) -> None:
    every = [words_of(bytes([byte, byte])) for byte in range(256)]
    assert len({even for even, _ in every} | {odd for _, odd in every}) == 512
    assert len(folders["request"].public_keys().words) == 32


def test_keys_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        KeyFolder(tmp_path / "keys").generate(site="request", created_at=NOW)
    finally:
        os.umask(before)
    assert (tmp_path / "keys" / "box" / "v1.json").stat().st_mode & 0o7777 == 0o400
