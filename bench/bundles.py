"""Pack + verify + unpack 10,000 records of 600 bytes as 20 bundles, against `age` on the same lines.

Both sides fsync every file that they write. age encrypts to an X25519 key and decrypts; it signs nothing, checks no
record and starts a process for each file.
"""

import os
import random
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec
import uuid_utils

from bench.measure import RUNS, Ratio, alternate
from bench.nncp import Nodes, install
from common_apps.transfer.bundle.codec import encode_record
from common_apps.transfer.bundle.envelope import TrustedKey, check_envelope, check_signature, take_copy
from common_apps.transfer.bundle.keypairs import BoxKey, Kem, SigningKey
from common_apps.transfer.bundle.reader import check_name, open_payload, read_header
from common_apps.transfer.bundle.records import Request
from common_apps.transfer.bundle.writer import BundleFacts, write_bundle

BUNDLES = 20
RECORDS = 500
SIZE = 600
_USERS = 200
_WORDS = ["flood", "control", "dike", "river", "slope", "protection", "revetment", "drainage", "seawall", "creek"]


def make_lines() -> list[list[bytes]]:
    """500 request records of 600 bytes for each of the 20 bundles; the words are random, by a fixed seed."""
    records = make_records()
    return [[encode_record(next(records)) for _ in range(RECORDS)] for _ in range(BUNDLES)]


def make_records() -> Iterator[Request]:
    """Requests whose lines have 600 bytes, without end."""
    choose = random.Random(1)
    users = [UUID(str(uuid_utils.uuid7())) for _ in range(_USERS)]
    empty = len(encode_record(_record("", 1, users[0])))
    while True:
        priority = choose.randint(1, 9)
        room = SIZE - empty
        yield _record(" ".join(choose.choice(_WORDS) for _ in range(room // 5))[:room], priority, choose.choice(users))


def _record(text: str, priority: int, user_id: UUID) -> Request:
    params = {"index": "contracts", "query": {"match": {"title": text}}, "size": 10}
    return Request(
        id=UUID(str(uuid_utils.uuid7())),
        user_id=user_id,
        query_type="match",
        query_params=msgspec.Raw(msgspec.json.encode(params)),
        priority=priority,
        timestamp=datetime.now(UTC),
        trace_id=UUID(str(uuid_utils.uuid7())),
    )


def run() -> list[Ratio]:
    """The ratios to NNCP and to age; of one that can't be had it says why there is none."""
    lines = make_lines()
    signing = SigningKey.generate(site="request", version="v1")
    box = BoxKey.generate(version="v1", kem=Kem.X25519)
    sizes: dict[str, int] = {}

    def measured(name: str, cross: Callable[[Path], Callable[[], int]]) -> Callable[[], float]:
        def once() -> float:
            with tempfile.TemporaryDirectory() as folder:
                ready = cross(Path(folder))
                began = time.perf_counter()
                sizes[name] = ready()
                return BUNDLES * RECORDS / (time.perf_counter() - began)

        return once

    sides = {"bundles": measured("bundles", lambda folder: lambda: cross_bundles(lines, signing, box, folder))}
    if install("nncp", "nncp-bundle"):
        sides["nncp"] = measured("nncp", lambda folder: _prepare_nncp(lines, folder))
    else:
        print("bundles: no ratio to NNCP: `nncp-bundle` is not installed and can't be (root and apt-get install nncp)")
    if install("age", "age"):
        sides["age"] = measured("age", lambda folder: _prepare_age(lines, folder))
    else:
        print("bundles: no ratio to age: `age` is not installed and can't be (root and apt-get install age)")
    figures = dict(zip(sides, alternate(RUNS, *sides.values()), strict=True))
    what = "pack + verify + unpack 10,000 records of 600 B as 20 bundles"
    ratios = []
    for name, reference_is, limit in (
        ("nncp", "NNCP: nncp-file, nncp-bundle -tx, -rx -check, nncp-toss of the same lines, fsynced", 1.0),
        ("age", "age: encrypt + decrypt the same lines, fsynced; unsigned, unchecked", None),
    ):
        if name not in sides:
            continue
        target = ">= 1.0" if limit else ""
        notes = {"bytes": f"{sizes['bundles']:,} against {sizes[name]:,}"}
        ratios.append(
            Ratio(what, "records/s", reference_is, figures["bundles"], figures[name], target, limit, notes=notes)
        )
        if name == "nncp":
            ours, theirs = [float(sizes["bundles"])], [float(sizes[name])]
            ratios.append(
                Ratio("size of these 20 bundles", "bytes", "NNCP's bundle", ours, theirs, "<= 0.5", 0.5, at_least=False)
            )
    return ratios


def _prepare_nncp(lines: list[list[bytes]], folder: Path) -> Callable[[], int]:
    nodes = Nodes(folder)
    paths = _write_plain(lines, folder)

    def cross() -> int:
        size = nodes.cross(paths)
        if sum(path.read_bytes().count(b"\n") for path in nodes.arrived.iterdir()) != BUNDLES * RECORDS:
            raise AssertionError("not all lines arrived")
        return size

    return cross


def _prepare_age(lines: list[list[bytes]], folder: Path) -> Callable[[], int]:
    key = folder / "key"
    subprocess.run(["age-keygen", "-o", str(key)], check=True, capture_output=True)
    public = subprocess.run(["age-keygen", "-y", str(key)], check=True, capture_output=True, text=True).stdout.strip()
    paths = _write_plain(lines, folder)
    return lambda: cross_age(paths, key, public, folder)


def _write_plain(lines: list[list[bytes]], folder: Path) -> list[Path]:
    paths = []
    for number, batch in enumerate(lines):
        path = folder / f"{number}.jsonl"
        path.write_bytes(b"\n".join(batch) + b"\n")
        paths.append(path)
    return paths


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


def cross_age(paths: list[Path], key: Path, public: str, folder: Path) -> int:
    """Encrypt, decrypt; bytes of the encrypted files."""
    size = 0
    for plain in paths:
        sealed, opened = (folder / f"{plain.stem}.{suffix}" for suffix in ("age", "out"))
        subprocess.run(["age", "-r", public, "-o", str(sealed), str(plain)], check=True)
        _sync(sealed)
        subprocess.run(["age", "-d", "-i", str(key), "-o", str(opened), str(sealed)], check=True)
        _sync(opened)
        size += sealed.stat().st_size
        if opened.read_bytes().count(b"\n") != RECORDS:
            raise AssertionError(f"{opened} is not whole")
    return size


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
