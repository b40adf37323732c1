"""Frozen bundles: two implementations that share no code read the same out of them."""

import base64
import json
from pathlib import Path

import pytest

from common_apps.transfer.bundle.codec import encode_record
from common_apps.transfer.bundle.envelope import TrustedKey, check_envelope, check_signature, measure
from common_apps.transfer.bundle.keypairs import BoxKey, Kem
from common_apps.transfer.bundle.reader import open_payload, read_header
from common_apps.transfer.bundle.streams import STREAMS
from tests.plain.bundle import independent
from tests.plain.bundle.workshop import Workshop

FOLDER = Path(__file__).parents[2] / "vectors" / "bundles" / "v1"
KEYS = json.loads((FOLDER / "keys.json").read_text())
VECTORS = json.loads((FOLDER / "index.json").read_text())


def _key(site: str, kem: str) -> bytes:
    return base64.b64decode(KEYS[site]["box"][kem])


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_independent_decoder_reads_the_frozen_bundle(vector: dict) -> None:
    raw = (FOLDER / f"{vector['name']}.enc").read_bytes()
    signer = base64.b64decode(KEYS[vector["source"]]["signing_public"])
    header, payload = independent.decode(raw, signer, _key(vector["destination"], vector["kem"]))
    assert header["stream"] == vector["stream"]
    assert payload == (FOLDER / f"{vector['name']}.jsonl").read_bytes()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_this_release_reads_the_frozen_bundle(vector: dict) -> None:
    public = base64.b64decode(KEYS[vector["source"]]["signing_public"])
    envelope = check_envelope(measure(FOLDER / f"{vector['name']}.enc"))
    signer = check_signature(envelope, [TrustedKey(vector["source"], public, frozenset(STREAMS))])
    header = read_header(envelope, signer, vector["destination"])
    box = BoxKey(version="v1", kem=Kem(vector["kem"]), private=_key(vector["destination"], vector["kem"]))
    lines = b"".join(encode_record(record) + b"\n" for record in open_payload(envelope, header, box))
    assert lines == (FOLDER / f"{vector['name']}.jsonl").read_bytes()


@pytest.mark.parametrize("stream", STREAMS)
def test_independent_decoder_reads_what_is_written_today(each_workshop: Workshop, stream: str) -> None:
    written = each_workshop.write(stream)
    header, payload = independent.decode(
        written.path.read_bytes(),
        each_workshop.signing[written.header.source].public,
        each_workshop.box[written.header.destination].private,
    )
    assert header["record_count"] == payload.count(b"\n") == written.record_count
    assert [encode_record(record) for record in each_workshop.receive(written.path, written.header.destination)[1]] == (
        payload.splitlines()
    )
