"""What any release wrote is still imported, by the real services: tests/vectors/bundles/ holds some of every format."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site_settings

from common_apps.audit.actors import SYSTEM
from common_apps.transfer import registry
from common_apps.transfer.bundle.codec import encode_record
from common_apps.transfer.bundle.layout import PREFIX_SIZE
from common_apps.transfer.bundle.streams import STREAMS
from common_apps.transfer.models import ImportBatch
from common_apps.transfer.registry import Applied
from common_apps.transfer.services import import_path
from tests.common.transfer.kit import Peer

FORMATS = sorted((Path(__file__).parents[2] / "vectors" / "bundles").glob("v*"))
ARRIVING = [
    pytest.param(folder, vector, id=f"{folder.name}-{vector['name']}")
    for folder in FORMATS
    for vector in json.loads((folder / "index.json").read_text())
    if vector["destination"] == site_settings.SITE
]
# What an app of this site takes.
TAKEN = registry.log_receivers.keys() | registry.state_receivers.keys()
AT = "2026-11-23T12:00:00Z"


class Collector:
    """A receiver of any kind that keeps what it is given."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def apply(self, received: Sequence[Any], **_: Any) -> Applied:
        self.lines += map(encode_record, received)
        return Applied(applied=len(self.lines))

    def apply_snapshot(self, received: Iterable[Any], **_: Any) -> int:
        self.lines += map(encode_record, received)
        return len(self.lines)

    def after_commit(self, _: Any) -> None:
        """Nobody waits."""


def _write_key(path: Path, content: dict[str, Any]) -> None:
    path.unlink(missing_ok=True)
    path.write_text(json.dumps(content))
    path.chmod(0o400)


def _take_frozen_keys(folder: Path, key_dir: Path) -> None:
    """KEY_DIR as the documentation has it, with the keys of the day on which the bundles were written."""
    keys = json.loads((folder / "keys.json").read_text())
    for number, (kem, private) in enumerate(sorted(keys[site_settings.SITE]["box"].items()), start=1):
        file = {"version": f"v{number}", "kem": kem, "private": private, "status": "active", "created_at": AT}
        _write_key(key_dir / "box" / f"v{number}.json", file)
    public = keys[site_settings.PEER]["signing_public"]
    trust = json.loads((key_dir / "trust.json").read_text())
    trust["peers"][site_settings.PEER]["signing"] = [
        {"key": public, "fingerprint": hashlib.sha256(base64.b64decode(public)).hexdigest(), "status": "active"}
    ]
    _write_key(key_dir / "trust.json", trust)


def _is_plain(vector: Any) -> bool:
    return str(vector.id).endswith("_x25519_zstd")


def _right_name(bundle: Path) -> str:
    raw = bundle.read_bytes()
    size = int.from_bytes(raw[PREFIX_SIZE - 4 : PREFIX_SIZE])
    header = json.loads(raw[PREFIX_SIZE : PREFIX_SIZE + size])
    stamp = "".join(mark for mark in header["created_at"][:19] if mark.isdigit())
    return f"{header['stream']}_{stamp[:8]}_{stamp[8:]}_{header['batch_id']}.jsonl.enc"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("folder", "vector"), ARRIVING)
def test_bundle_of_a_released_format_is_imported(
    peer: Peer, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path, vector: dict[str, str]
) -> None:
    _take_frozen_keys(folder, Path(settings.KEY_DIR))
    stream = vector["stream"]
    kept = Collector()
    if stream != "holdings":
        kind = registry.log_receivers if STREAMS[stream].kind == "log" else registry.state_receivers
        monkeypatch.setitem(kind, stream, kept)
    source = folder / f"{vector['name']}.enc"
    path = tmp_path / _right_name(source)
    shutil.copy(source, path)
    outcome = import_path(path=path, actor=SYSTEM)
    lines = (folder / f"{vector['name']}.jsonl").read_bytes().splitlines()
    if vector["name"] == "delta":
        # It stands for users of whom nobody here has heard.
        assert (outcome.outcome, outcome.code) == ("dropped", "missing_base")
        return
    assert (outcome.outcome, outcome.code, outcome.record_count) == ("completed", None, len(lines))
    assert ImportBatch.objects.get(status="completed").checksum == hashlib.sha256(source.read_bytes()).hexdigest()
    if stream != "holdings":
        assert sorted(kept.lines) == sorted(lines)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("folder", "vector"), [each for each in ARRIVING if each.values[1]["stream"] in TAKEN and _is_plain(each)]
)
def test_bundle_of_a_released_format_is_applied_by_the_app_that_takes_it(
    peer: Peer, settings: Any, tmp_path: Path, folder: Path, vector: dict[str, str]
) -> None:
    _take_frozen_keys(folder, Path(settings.KEY_DIR))
    source = folder / f"{vector['name']}.enc"
    path = tmp_path / _right_name(source)
    shutil.copy(source, path)
    outcome = import_path(path=path, actor=SYSTEM)
    assert (outcome.outcome, outcome.code) == ("completed", None)
