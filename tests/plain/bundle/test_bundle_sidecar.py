"""The sidecar and the file name: strict, and never believed."""

import json
from pathlib import Path

import pytest

from common_apps.transfer.bundle.errors import BundleError
from common_apps.transfer.bundle.header import Header
from common_apps.transfer.bundle.names import bundle_name, parse_name, sidecar_name
from common_apps.transfer.bundle.sidecar import build_sidecar, check_sidecar, encode_sidecar, parse_sidecar
from tests.plain.bundle.samples import MOMENT, uid
from tests.plain.bundle.workshop import Workshop

SIZE, CHECKSUM = 1234, "ab" * 32


@pytest.fixture
def header(workshop: Workshop) -> Header:
    return workshop.write("requests").header


def _fields(header: Header) -> dict:
    return json.loads(encode_sidecar(build_sidecar(header, size=SIZE, checksum=CHECKSUM)))


def _check(fields: object, header: Header) -> None:
    check_sidecar(parse_sidecar(json.dumps(fields).encode()), header, size=SIZE, checksum=CHECKSUM)


def test_sidecar_holds_exactly_the_fields_of_the_format(header: Header) -> None:
    assert _fields(header) == {
        "batch_id": str(uid(100)),
        "batch_type": "requests",
        "created_at": "2026-11-23T14:05:06.789000Z",
        "record_count": 3,
        "file_size": SIZE,
        "checksum": CHECKSUM,
        "encryption": {"algorithm": "AES-256-GCM", "key_version": "v1"},
        "source_network": "request",
        "destination_network": "response",
    }
    _check(_fields(header), header)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_id", str(uid(101))),
        ("batch_type", "usage"),
        ("created_at", "2026-11-23T14:05:07Z"),
        ("created_at", "yesterday"),
        ("created_at", "2026-02-30T14:05:06Z"),
        ("record_count", 4),
        ("record_count", True),
        ("file_size", 1235),
        ("checksum", "AB" * 32),
        ("encryption", {"algorithm": "none", "key_version": "v1"}),
        ("encryption", {"algorithm": "AES-256-GCM", "key_version": "v2"}),
        ("encryption", {}),
        ("source_network", "response"),
        ("destination_network", "request"),
        ("more", 1),
    ],
)
def test_sidecar_is_refused_when_one_field_is_wrong(header: Header, name: str, value: object) -> None:
    with pytest.raises(BundleError, match="sidecar_mismatch"):
        _check({**_fields(header), name: value}, header)


@pytest.mark.parametrize("name", ["batch_id", "encryption", "checksum"])
def test_sidecar_is_refused_when_a_field_is_missing(header: Header, name: str) -> None:
    fields = _fields(header)
    del fields[name]
    with pytest.raises(BundleError, match="sidecar_mismatch"):
        _check(fields, header)


def test_sidecar_may_write_the_same_moment_shorter(header: Header) -> None:
    _check({**_fields(header), "created_at": "2026-11-23T14:05:06.789Z"}, header)


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"\xff", b'{"a":1,"a":1}', b"[" * 60000, b" " * 65537])
def test_sidecar_is_refused_when_it_is_no_strict_json(raw: bytes) -> None:
    with pytest.raises(BundleError, match="sidecar_mismatch"):
        parse_sidecar(raw)


def test_name_says_stream_time_and_id() -> None:
    name = bundle_name("profile_types", MOMENT, uid(5))
    assert name == f"profile_types_20261123_140506_{uid(5)}.jsonl.enc"
    parsed = parse_name(name)
    assert parsed is not None
    assert (parsed.stream, parsed.stamp, parsed.batch_id) == ("profile_types", "20261123_140506", uid(5))
    assert sidecar_name(name) == name + ".meta.json"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "latest.json",
        f"requests_20261123_140506_{uid(5)}.jsonl.enc.part",
        f"requests_20261123_140506_{uid(5)}.jsonl.enc.meta.json",
        f"requests_20261123_140506_{uid(5)}.jsonl.enc\n",
        f" requests_20261123_140506_{uid(5)}.jsonl.enc",
        f"Requests_20261123_140506_{uid(5)}.jsonl.enc",
        f"gossip_20261123_140506_{uid(5)}.jsonl.enc",
        f"requests_2026112_140506_{uid(5)}.jsonl.enc",
        f"requests_\u0662\u0660\u0662\u06661123_140506_{uid(5)}.jsonl.enc",
        f"requests_20261123_140506_{uid(0xABC)}.jsonl.enc".replace("abc", "ABC"),
        f"requests_20261123_140506_{uid(5).hex}.jsonl.enc",
        f"requests_20261123_140506_{uid(5)}.jsonl.enc/x",
    ],
)
def test_name_is_no_bundles_when_it_does_not_match_whole(name: str) -> None:
    assert parse_name(name) is None


def test_sidecar_of_a_written_bundle_lies_beside_it(workshop: Workshop) -> None:
    written = workshop.write("requests")
    assert Path(str(written.path) + ".meta.json").exists()
