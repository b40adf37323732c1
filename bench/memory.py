"""How much memory a state bundle of 1 GiB takes to write, and to take in: each in a process of its own.

Run as `python -m bench.memory write|read FOLDER`, it prints JSON {growth: bytes}: VmHWM above what the process had
before. The bundle holds settings of some 1,000 bytes; it is written and verified, then copied and read twice, as an
import does.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import uuid_utils

from bench.measure import Ratio
from common_apps.transfer.bundle.envelope import TrustedKey, check_envelope, check_signature, take_copy
from common_apps.transfer.bundle.keypairs import BoxKey, Kem, SigningKey
from common_apps.transfer.bundle.reader import open_payload, read_header
from common_apps.transfer.bundle.writer import BundleFacts, write_bundle
from devstack.home import ROOT

GIB = 1024**3
CEILING = 128 * 1024**2
_KEY = bytes(range(32))
_NEEDED = 4 * GIB


def run() -> list[Ratio]:
    """The growth of both against the ceiling; one run each, since each takes a minute."""
    if shutil.disk_usage(tempfile.gettempdir()).free < _NEEDED:
        print(f"memory: not measured, {tempfile.gettempdir()} has less than 4 GiB free")
        return []
    with tempfile.TemporaryDirectory(prefix="airferry-bench-") as folder:
        return [_measure("write", "export", folder), _measure("read", "import", folder)]


def _measure(step: str, word: str, folder: str) -> Ratio:
    command = [sys.executable, "-m", "bench.memory", step, folder]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(done.stderr[-2000:])
    return growth_ratio(f"the {word} of a state bundle of 1 GiB", json.loads(done.stdout)["growth"])


def growth_ratio(of: str, growth: int, notes: dict[str, Any] | None = None) -> Ratio:
    """The bytes by which a process has grown at the most, against the ceiling."""
    return Ratio(
        what=f"memory of {of}, above idle",
        unit="MiB",
        reference_is="the ceiling",
        ours=[growth / 1024**2],
        reference=[CEILING / 1024**2],
        target="< 128 MiB",
        limit=1.0,
        at_least=False,
        notes=notes or {},
    )


def main(step: str, folder: Path) -> None:
    """Write or read, and print how much the process has grown at the most."""
    signing = SigningKey(site="response", version="v1", private=_KEY)
    box = BoxKey(version="v1", kem=Kem.X25519, private=_KEY)
    idle = peak(os.getpid())
    if step == "write":
        facts = BundleFacts(
            batch_id=UUID(str(uuid_utils.uuid7())),
            stream="settings",
            mode="snapshot",
            seq=1,
            created_at=datetime.now(UTC),
            source="response",
            destination="request",
            software="airferry/bench",
        )
        written = write_bundle(folder, facts, _lines(), signing=signing, recipient=box.public_key)
        (folder / "count").write_text(str(written.record_count))
    else:
        [path] = folder.glob("*.enc")
        private = folder / "private"
        private.mkdir()
        envelope = check_envelope(take_copy(path, private))
        signer = check_signature(envelope, [TrustedKey("response", signing.public, frozenset({"settings"}))])
        header = read_header(envelope, signer, "request")
        for _ in range(2):
            seen = sum(1 for _ in open_payload(envelope, header, box))
        if str(seen) != (folder / "count").read_text():
            raise AssertionError(f"{seen} records came out")
    json.dump({"growth": peak(os.getpid()) - idle}, sys.stdout)


def _lines() -> Iterator[bytes]:
    size = number = 0
    while size < GIB:
        line = b'{"type":"setting","id":"%d","value":{"text":"%s"}}' % (number, os.urandom(480).hex().encode())
        yield line
        size += len(line) + 1
        number += 1


def peak(pid: int) -> int:
    """The most bytes of memory that the process has had at once."""
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
