"""Memory does not grow with the file, nor with what a hostile payload unfolds to."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

from common_apps.transfer.bundle.errors import Code
from tests.plain.bundle.workshop import Workshop

MIB = 1024 * 1024
CEILING = 128 * MIB

# Runs in a process of its own, so that its peak is its own; prints code and growth above idle in bytes.
MEASURE = """
import json, resource, sys
from pathlib import Path
from common_apps.transfer.bundle import writer
from common_apps.transfer.bundle.envelope import TrustedKey, check_envelope, check_signature, take_copy
from common_apps.transfer.bundle.errors import BundleError
from common_apps.transfer.bundle.keypairs import BoxKey, Kem, SigningKey
from common_apps.transfer.bundle.reader import open_payload, read_header
from common_apps.transfer.bundle.streams import STREAMS
from tests.plain.bundle.samples import facts_of

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

def lines(count, length):
    value = b"x" * length
    for number in range(count):
        yield b'{"type":"setting","id":"%d","value":"%s"}' % (number, value)

job = json.loads(sys.argv[1])
root = Path(job["root"])
signing = SigningKey(site=job["site"], version="v1", private=bytes.fromhex(job["signing"]))
box = BoxKey(version="v1", kem=Kem.X25519, private=bytes.fromhex(job["box"]))
path = root / "small"
idle = peak()
code = None
try:
    if job["path"] is None:
        written = writer.write_bundle(root, facts_of("settings"), lines(job["count"], job["length"]), signing=signing,
                                      recipient=box.public_key, compression=job["compression"])
        path = written.path
    else:
        path = Path(job["path"])
    envelope = check_envelope(take_copy(path, root))
    signer = check_signature(envelope, [TrustedKey(job["site"], signing.public, frozenset(STREAMS))])
    header = read_header(envelope, signer, job["at"])
    for record in open_payload(envelope, header, box):
        pass
except BundleError as error:
    code = error.code
print(json.dumps([code, peak() - idle]))
"""


def _measure(workshop: Workshop, site: str, at: str, **job: object) -> tuple[str | None, int]:
    full = {
        "root": str(workshop.root),
        "site": site,
        "at": at,
        "signing": workshop.signing[site].private.hex(),
        "box": workshop.box[at].private.hex(),
        "path": None,
        **job,
    }
    command = [sys.executable, "-c", MEASURE, json.dumps(full)]
    done = subprocess.run(command, capture_output=True, check=True, text=True, cwd=Path(__file__).parents[3])
    code, growth = json.loads(done.stdout)
    return code, growth


@pytest.mark.parametrize("compression", ["zstd", "none"])
def test_memory_stays_low_when_a_state_bundle_is_large(workshop: Workshop, compression: str) -> None:
    code, growth = _measure(workshop, "response", "request", count=160, length=MIB, compression=compression)
    assert code is None
    assert growth < CEILING


def test_memory_stays_low_when_lines_are_as_long_as_they_may_be(workshop: Workshop) -> None:
    code, growth = _measure(workshop, "response", "request", count=3, length=16 * MIB - 100, compression="zstd")
    assert code is None
    assert growth < CEILING


DENSE = {"lists": b"[],", "objects": b'{"a":1},', "short texts": b'"ab",'}


@pytest.mark.parametrize("name", DENSE)
def test_memory_stays_low_when_a_line_is_nothing_but_small_values(workshop: Workshop, name: str) -> None:
    value = b"[" + DENSE[name] * (2 * MIB // len(DENSE[name])) + b"0]"
    path = workshop.forge("settings", payload=b'{"type":"setting","id":"k","value":' + value + b"}\n")
    code, growth = _measure(workshop, "response", "request", path=str(path))
    assert code is None
    assert growth < CEILING // 4


def test_a_name_twice_is_found_in_a_line_of_very_many_values(workshop: Workshop) -> None:
    value = b'{"a":1,"b":[' + b"0," * 600_000 + b'0],"a":2}'
    path = workshop.forge("settings", payload=b'{"type":"setting","id":"k","value":' + value + b"}\n")
    assert workshop.code_of(path, "request") == Code.BAD_RECORD


def test_very_many_values_outside_of_raw_json_are_refused(workshop: Workshop) -> None:
    line = b'{"type":"setting","id":"k","value":1,"more":[' + b"0," * 600_000 + b"0]}"
    assert workshop.code_of(workshop.forge("settings", payload=line + b"\n"), "request") == Code.BAD_RECORD


def _bomb(size: int, byte: bytes) -> bytes:
    packer = zstandard.ZstdCompressor(level=1).compressobj()
    block = byte * MIB
    return b"".join([*(packer.compress(block) for _ in range(size // MIB)), packer.flush()])


@pytest.mark.parametrize(
    ("stream", "byte", "code"),
    [
        ("requests", b"x", Code.LINE_TOO_LONG),
        ("requests", b"\n", Code.BAD_RECORD),
        ("settings", b"x", Code.LINE_TOO_LONG),
        ("settings", b"\n", Code.BAD_RECORD),
    ],
)
def test_bomb_is_refused_before_it_unfolds(workshop: Workshop, stream: str, byte: bytes, code: Code) -> None:
    bomb = _bomb(512 * MIB if stream == "settings" else 256 * MIB, byte)
    path = workshop.forge(stream, packed=bomb, header={"record_count": 500 if stream == "requests" else 2**40})
    site, at = ("request", "response") if stream == "requests" else ("response", "request")
    assert len(bomb) < MIB
    refused, growth = _measure(workshop, site, at, path=str(path))
    assert refused == code
    assert growth < CEILING


def test_payload_above_the_limit_is_too_large(workshop: Workshop) -> None:
    line = b'{"type":"request","query_params":{"x":"' + b"y" * (15 * MIB) + b'"}}\n'
    path = workshop.forge(payload=line * 5)
    code, growth = _measure(workshop, "request", "response", path=str(path))
    assert code in (Code.BAD_RECORD, Code.TOO_LARGE)
    assert growth < CEILING
