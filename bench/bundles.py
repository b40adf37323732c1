"""Pack + verify + unpack 10,000 records of 600 bytes as 20 bundles, against `age` on the same lines.

Both sides fsync every file that they write. age encrypts to an X25519 key and decrypts; it signs nothing, checks no
record and starts a process for each file.
"""

import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec
import uuid_utils

from bench.measure import RUNS, Ratio, alternate
from common_apps.transfer.bundle.codec import encode_record
from common_apps.transfer.bundle.envelope import TrustedKey, check_envelope, check_signature, take_copy
from common_apps.transfer.bundle.keypairs import BoxKey, Kem, SigningKey
from common_apps.transfer.bundle.reader import check_name, open_payload, read_header
from common_apps.transfer.bundle.records import Request
from common_apps.transfer.bundle.writer import BundleFacts, write_bundle

BUNDLES = 20
RECORDS = 500
SIZE = 600
_WORDS = ["flood", "control", "dike", "river", "slope", "protection", "revetment", "drainage", "seawall", "creek"]


def make_lines() -> list[list[bytes]]:
    """500 request records of 600 bytes for each of the 20 bundles; the words are random, by a fixed seed."""
    records = make_records()
    return [[encode_record(next(records)) for _ in range(RECORDS)] for _ in range(BUNDLES)]


def make_records() -> Iterator[Request]:
    """Requests whose lines have 600 bytes, without end."""
    choose = random.Random(1)
    empty = len(encode_record(_record("", 1)))
    while True:
        priority = choose.randint(1, 9)
        room = SIZE - empty
        yield _record(" ".join(choose.choice(_WORDS) for _ in range(room // 5))[:room], priority)


def _record(text: str, priority: int) -> Request:
    params = {"index": "contracts", "query": {"match": {"title": text}}, "size": 10}
    return Request(
        id=UUID(str(uuid_utils.uuid7())),
        user_id=UUID(str(uuid_utils.uuid7())),
        query_type="match",
        query_params=msgspec.Raw(msgspec.json.encode(params)),
        priority=priority,
        timestamp=datetime.now(UTC),
        trace_id=UUID(str(uuid_utils.uuid7())),
    )


def run() -> list[Ratio]:
    """The ratio to age; nothing where age can't be had, and says so."""
    age = find_age()
    lines = make_lines()
    signing = SigningKey.generate(site="request", version="v1")
    box = BoxKey.generate(version="v1", kem=Kem.X25519)
    sizes: dict[str, int] = {}

    def ours() -> float:
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            size = cross_bundles(lines, signing, box, Path(folder))
            seconds = time.perf_counter() - began
        sizes["bundles_bytes"] = size
        return BUNDLES * RECORDS / seconds

    if age is None:
        [figures] = alternate(RUNS, ours)
        print(f"bundles: {sorted(figures)[RUNS // 2]:,.0f} records/s; no ratio: `age` is not installed and can't be")
        return []

    def theirs() -> float:
        with tempfile.TemporaryDirectory() as folder:
            key = Path(folder) / "key"
            subprocess.run([f"{age}-keygen", "-o", str(key)], check=True, capture_output=True)
            public = subprocess.run([f"{age}-keygen", "-y", str(key)], check=True, capture_output=True, text=True)
            began = time.perf_counter()
            sizes["age_bytes"] = cross_age(age, lines, key, public.stdout.strip(), Path(folder))
            seconds = time.perf_counter() - began
        return BUNDLES * RECORDS / seconds

    figures, reference = alternate(RUNS, ours, theirs)
    return [
        Ratio(
            what="pack + verify + unpack 10,000 records of 600 B as 20 bundles",
            unit="records/s",
            reference_is="age: encrypt + decrypt the same lines, fsynced",
            ours=figures,
            reference=reference,
            target="(>= 1.0 of NNCP: with the carry)",
            notes={**sizes, "bytes_ratio": round(sizes["bundles_bytes"] / sizes["age_bytes"], 3)},
        )
    ]


def cross_bundles(lines: list[list[bytes]], signing: SigningKey, box: BoxKey, folder: Path) -> int:
    """Write, then take in as a receiver does, every check included; bytes of the bundles."""
    out, private = folder / "out", folder / "in"
    out.mkdir()
    private.mkdir()
    trusted = [TrustedKey("request", signing.public, frozenset({"requests"}))]
    size = 0
    for number, batch in enumerate(lines, 1):
        facts = BundleFacts(
            batch_id=UUID(str(uuid_utils.uuid7())),
            stream="requests",
            mode="batch",
            seq=number,
            created_at=datetime.now(UTC),
            source="request",
            destination="response",
            software="airferry/bench",
        )
        size += write_bundle(out, facts, batch, signing=signing, recipient=box.public_key).size
    seen = 0
    for path in sorted(out.glob("*.enc")):
        envelope = check_envelope(take_copy(path, private))
        header = read_header(envelope, check_signature(envelope, trusted), "response")
        check_name(path.name, header)
        seen += sum(1 for _ in open_payload(envelope, header, box))
    if seen != BUNDLES * RECORDS:
        raise AssertionError(f"{seen} records came out")
    return size


def cross_age(age: str, lines: list[list[bytes]], key: Path, public: str, folder: Path) -> int:
    """Write the lines, encrypt, decrypt; bytes of the encrypted files."""
    size = 0
    for number, batch in enumerate(lines):
        plain, sealed, opened = (folder / f"{number}.{suffix}" for suffix in ("jsonl", "age", "out"))
        plain.write_bytes(b"\n".join(batch) + b"\n")
        subprocess.run([age, "-r", public, "-o", str(sealed), str(plain)], check=True)
        _sync(sealed)
        subprocess.run([age, "-d", "-i", str(key), "-o", str(opened), str(sealed)], check=True)
        _sync(opened)
        size += sealed.stat().st_size
        if opened.read_bytes().count(b"\n") != RECORDS:
            raise AssertionError(f"{opened} is not whole")
    return size


def find_age() -> str | None:
    """Where age is; as root on Debian it is installed when missing."""
    if shutil.which("age") is None and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "age"]):
            subprocess.run(command, check=False, capture_output=True)
    return shutil.which("age")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
