"""One fault in a file, one code. All these files are rightly hashed and signed where the fault is inside."""

import base64
import json
import struct
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import zstandard

from common_apps.transfer.bundle.envelope import check_envelope, check_signature, measure
from common_apps.transfer.bundle.errors import BundleError, Code, describe
from common_apps.transfer.bundle.layout import FOOTER_SIZE, MIN_FILE
from common_apps.transfer.bundle.limits import Limits
from common_apps.transfer.bundle.reader import check_name, read_header
from tests.plain.bundle.samples import facts_of, lines_of, uid
from tests.plain.bundle.workshop import LEFT_OUT, Workshop

REQUEST_LINE = lines_of("requests")[0]
USER_LINE = lines_of("users")[0]


def _changed(workshop: Workshop, change: Callable[[bytearray], object]) -> Path:
    path = workshop.forge()
    raw = bytearray(path.read_bytes())
    result = change(raw)
    path.write_bytes(result if isinstance(result, bytes | bytearray) else raw)
    return path


def _header_length(length: int) -> Callable[[bytearray], None]:
    def change(raw: bytearray) -> None:
        raw[12:16] = struct.pack(">I", length)

    return change


def _put(at: int, value: bytes) -> Callable[[bytearray], None]:
    def change(raw: bytearray) -> None:
        end = at + len(value)
        raw[at : end or None] = value

    return change


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda raw: b"", Code.TOO_SMALL),
        (lambda raw: raw[: MIN_FILE - 1], Code.TOO_SMALL),
        (_put(0, b"\x88"), Code.BAD_MAGIC),
        (_put(8, b"\x02"), Code.UNSUPPORTED_VERSION),
        (_put(9, b"\x11"), Code.UNSUPPORTED_VERSION),
        (_put(11, b"\x01"), Code.UNSUPPORTED_VERSION),
        (_header_length(0), Code.BAD_HEADER),
        (_header_length(65537), Code.BAD_HEADER),
        (_header_length(2**32 - 1), Code.BAD_HEADER),
        (_header_length(65536), Code.BAD_FOOTER),
        (lambda raw: raw[:-1], Code.TRUNCATED),
        (lambda raw: raw + b"\0", Code.TRUNCATED),
        (_put(-FOOTER_SIZE, b"XFBF"), Code.TRUNCATED),
        (_put(-FOOTER_SIZE + 7, b"\x09"), Code.BAD_FOOTER),
        (_put(-FOOTER_SIZE + 8, b"\xff"), Code.BAD_FOOTER),
        (lambda raw: raw[:300] + raw[301:], Code.BAD_FOOTER),
        (_put(30, b"!"), Code.BAD_HASH),
        (_put(-96, b"\0\0"), Code.BAD_HASH),
        (_put(-64, b"\0\0"), Code.BAD_SIGNATURE),
    ],
)
def test_outside_is_refused_with_its_code_when_one_thing_is_wrong(
    workshop: Workshop, change: Callable[[bytearray], object], code: Code
) -> None:
    assert workshop.code_of(_changed(workshop, change)) == code


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({"v": 2}, Code.BAD_HEADER),
        ({"v": LEFT_OUT}, Code.BAD_HEADER),
        ({"hello": LEFT_OUT}, Code.BAD_HEADER),
        ({"more": 1}, Code.BAD_HEADER),
        ({"batch_id": "7e40de8c-4d65-4d17-836c-91a842b273a8"}, Code.BAD_HEADER),
        ({"batch_id": str(uid(100)).upper()}, Code.BAD_HEADER),
        ({"batch_id": uid(100).hex}, Code.BAD_HEADER),
        ({"stream": "gossip"}, Code.BAD_HEADER),
        ({"kind": "state"}, Code.BAD_HEADER),
        ({"mode": "snapshot"}, Code.BAD_HEADER),
        ({"seq": 0}, Code.BAD_HEADER),
        ({"seq": 2**52 + 1}, Code.BAD_HEADER),
        ({"seq": 1.0}, Code.BAD_HEADER),
        ({"seq": True}, Code.BAD_HEADER),
        ({"seq": "1"}, Code.BAD_HEADER),
        ({"digest": "ab" * 32}, Code.BAD_HEADER),
        ({"created_at": "2026-11-23T14:05:06+00:00"}, Code.BAD_HEADER),
        ({"created_at": "2026-11-23 14:05:06Z"}, Code.BAD_HEADER),
        ({"created_at": "2026-02-30T14:05:06Z"}, Code.BAD_HEADER),
        ({"record_count": -1}, Code.BAD_HEADER),
        ({"record_count": 2**53}, Code.BAD_HEADER),
        ({"schema": 0}, Code.BAD_HEADER),
        ({"alg": "ROT13"}, Code.BAD_HEADER),
        ({"alg": "HPKE-MLKEM768-X25519/HKDF-SHA256/AES-256-GCM"}, Code.BAD_HEADER),
        ({"key_version": "1"}, Code.BAD_HEADER),
        ({"key_version": "v1\n"}, Code.BAD_HEADER),
        ({"box_key": "AB" * 32}, Code.BAD_HEADER),
        ({"wrapped_key": "####"}, Code.BAD_HEADER),
        ({"wrapped_key": base64.b64encode(bytes(79)).decode()}, Code.BAD_HEADER),
        ({"wrapped_key": base64.b64encode(bytes(80)).decode() + "\n"}, Code.BAD_HEADER),
        ({"compression": "gzip"}, Code.BAD_HEADER),
        ({"signer": "x" * 64}, Code.BAD_HEADER),
        ({"audit_head": {"seq": 1}}, Code.BAD_HEADER),
        ({"audit_head": {"seq": 1, "hash": "ab" * 32, "more": 1}}, Code.BAD_HEADER),
        ({"software": "airferry/0.1 beta"}, Code.BAD_HEADER),
        ({"software": "ferry/0.1"}, Code.BAD_HEADER),
        ({"hello": {"heard": 0, "max_schema": 1, "box": [], "signing": [], "trusts": []}}, Code.BAD_HEADER),
        ({"source": "mars"}, Code.BAD_HEADER),
        ({"destination": "request"}, Code.BAD_HEADER),
        ({"source": "response", "destination": "request"}, Code.UNTRUSTED_SIGNER),
        ({"stream": "results"}, Code.STREAM_NOT_ALLOWED),
        ({"wrapped_key": base64.b64encode(bytes(80)).decode()}, Code.DECRYPT_FAILED),
        ({"record_count": 2}, Code.COUNT_MISMATCH),
        ({"record_count": 4}, Code.COUNT_MISMATCH),
        ({"record_count": 501}, Code.TOO_MANY_RECORDS),
    ],
)
def test_header_is_refused_with_its_code_when_one_field_is_wrong(
    workshop: Workshop, header: dict[str, object], code: Code
) -> None:
    assert workshop.code_of(workshop.forge(header=header)) == code


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw[:-1] + b',"v":1}',
        lambda raw: raw.replace(b'"seq":1', b'"seq":NaN'),
        lambda raw: raw.replace(b"airferry/0.1.0", b"airferry/\xff"),
        lambda raw: raw.replace(b"airferry/0.1.0", b"airferry/\\ud800"),
        lambda raw: b"\xef\xbb\xbf" + raw,
        lambda raw: b"[" * 60000,
        lambda raw: b"{}",
        lambda raw: raw + b"{}",
    ],
)
def test_header_is_bad_when_its_json_is_not_strict(workshop: Workshop, change: Callable[[bytes], bytes]) -> None:
    assert workshop.code_of(workshop.forge(header_bytes=change)) == Code.BAD_HEADER


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("heard", 2**52 + 1),
        ("max_schema", 0),
        ("box", []),
        ("box", [{"version": "v1", "kem": "x25519", "public": "AAAA"}]),
        ("box", [{"version": "v1", "kem": "X25519", "public": "AAAA"}]),
        ("box", [{"version": "v1", "kem": "unknown", "public": "A"}]),
        ("signing", [{"version": "v1", "public": "AAAA"}]),
        ("signing", [{"version": "v1", "public": base64.b64encode(bytes(32)).decode()}] * 17),
        ("trusts", ["AB" * 32]),
        ("more", 1),
    ],
)
def test_holdings_are_bad_when_hello_is_wrong(workshop: Workshop, field: str, value: object) -> None:
    hello = {**msgspec.to_builtins(facts_of("holdings").hello), field: value}
    path = workshop.forge("holdings", header={"hello": hello})
    assert workshop.code_of(path, "request") == Code.BAD_HEADER


def test_hello_with_a_kem_of_tomorrow_is_heeded_without_that_key(workshop: Workshop) -> None:
    header, _ = workshop.receive(workshop.forge("holdings"), "request")
    assert header.hello is not None
    assert [box.version for box in header.hello.box] == ["v2", "v1"]
    assert [box.version for box in header.hello.box_keys()] == ["v1"]


def test_bundle_of_a_newer_schema_has_a_sound_header(workshop: Workshop) -> None:
    envelope = check_envelope(measure(workshop.forge(header={"schema": 2})))
    assert read_header(envelope, check_signature(envelope, workshop.trusted("response")), "response").schema == 2


def test_wrong_destination_is_told_when_it_is_not_for_this_site(workshop: Workshop) -> None:
    envelope = check_envelope(measure(workshop.forge()))
    signer = check_signature(envelope, workshop.trusted("response"))
    with pytest.raises(BundleError, match="wrong_destination"):
        read_header(envelope, signer, "request")


def _frame(payload: bytes, **options: object) -> bytes:
    return zstandard.ZstdCompressor(**options).compress(payload)


def _wide_window() -> bytes:
    parameters = zstandard.ZstdCompressionParameters(window_log=24, write_content_size=False)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return packer.compress(REQUEST_LINE + b"\n") + packer.flush()


PACKED = {
    "no frame": (b"not zstd at all", Code.DECOMPRESS_FAILED),
    "nothing": (b"", Code.DECOMPRESS_FAILED),
    "two bytes": (b"\x28\xb5", Code.DECOMPRESS_FAILED),
    "a skippable frame": (b"\x50\x2a\x4d\x18\x00\x00\x00\x00", Code.DECOMPRESS_FAILED),
    "two frames": (_frame(REQUEST_LINE + b"\n") + _frame(b""), Code.DECOMPRESS_FAILED),
    "trailing byte": (_frame(REQUEST_LINE + b"\n") + b"\0", Code.DECOMPRESS_FAILED),
    "cut short": (_frame(REQUEST_LINE + b"\n")[:-1], Code.DECOMPRESS_FAILED),
    "wide window": (_wide_window(), Code.DECOMPRESS_FAILED),
    "wrong checksum": (_frame(REQUEST_LINE + b"\n", write_checksum=True)[:-1] + b"\0", Code.DECOMPRESS_FAILED),
}


@pytest.mark.parametrize("name", PACKED)
def test_payload_is_refused_when_it_is_not_one_sound_frame(workshop: Workshop, name: str) -> None:
    packed, code = PACKED[name]
    assert workshop.code_of(workshop.forge(payload=REQUEST_LINE + b"\n", packed=packed)) == code


def test_payload_with_trailing_bytes_is_refused_beyond_the_first_piece(workshop: Workshop) -> None:
    payload = REQUEST_LINE + b"\n"
    for extra in (1, 511, 512, 513, 65536, 70000):
        path = workshop.forge(payload=payload, packed=_frame(payload) + bytes(extra))
        assert workshop.code_of(path) == Code.DECOMPRESS_FAILED


def test_payload_is_refused_when_it_is_encrypted_with_another_key(workshop: Workshop) -> None:
    own = workshop.box["response"].public_key.wrap(bytes(32), b"airferry/1/dek\0request\0response\0" + b"x" * 36)
    path = workshop.forge(header={"wrapped_key": base64.b64encode(own).decode()})
    assert workshop.code_of(path) == Code.DECRYPT_FAILED


def _line(**changes: object) -> bytes:
    fields = {**json.loads(REQUEST_LINE), **changes}
    return json.dumps({name: value for name, value in fields.items() if value is not LEFT_OUT}).encode()


def _list(*ids: object) -> bytes:
    return json.dumps({"type": "applied", "stream": "results", "batch_ids": ids}).encode() + b"\n"


BAD_LINES = {
    "not json": b"{",
    "empty line": b"",
    "an array": b"[]",
    "unknown field": _line(more=1),
    "missing field": _line(priority=LEFT_OUT),
    "unknown type": _line(type="wish"),
    "another stream's type": lines_of("results")[0],
    "no type": _line(type=LEFT_OUT),
    "wrong type of value": _line(priority="5"),
    "float for an integer": _line(priority=5.0),
    "out of range": _line(priority=11),
    "params no object": _line(query_params=[]),
    "params too long": _line(query_params={"x": "y" * 65536}),
    "id no uuid": _line(id="1"),
    "id in capitals": _line(id=str(uid(0xABC)).upper()),
    "id without dashes": _line(id=uid(1).hex),
    "time with offset": _line(timestamp="2026-11-23T14:05:06+00:00"),
    "time without zone": _line(timestamp="2026-11-23T14:05:06"),
    "time that is none": _line(timestamp="2026-02-30T14:05:06Z"),
    "time as a number": _line(timestamp=1),
    "duplicate key": REQUEST_LINE[:-1] + b',"priority":5}',
    "duplicate key inside": REQUEST_LINE.replace(b'{"match"', b'{"match":{},"match"'),
    "NaN": REQUEST_LINE.replace(b'"flood"', b"NaN"),
    "Infinity": REQUEST_LINE.replace(b'"flood"', b"-Infinity"),
    "huge number": REQUEST_LINE.replace(b'"flood"', b"1e999"),
    "lone surrogate": REQUEST_LINE.replace(b"flood", b"\\ud800"),
    "lone low surrogate": REQUEST_LINE.replace(b"flood", b"\\udc00x"),
    "U+0000": REQUEST_LINE.replace(b"flood", b"\\u0000"),
    "raw zero byte": REQUEST_LINE.replace(b"flood", b"\0"),
    "not utf-8": REQUEST_LINE.replace(b"flood", b"\xff"),
    "surrogate in utf-8": REQUEST_LINE.replace(b"flood", b"\xed\xa0\x80"),
    "too deep": REQUEST_LINE.replace(b'"flood"', b"[" * 40 + b"]" * 40),
    "far too deep": REQUEST_LINE.replace(b'"flood"', b"[" * 100_000 + b"]" * 100_000),
    "two objects": REQUEST_LINE + REQUEST_LINE,
    "byte order mark": b"\xef\xbb\xbf" + REQUEST_LINE,
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_bundle_is_refused_whole_when_one_record_is_bad(workshop: Workshop, name: str) -> None:
    payload = lines_of("requests")[1] + b"\n" + BAD_LINES[name] + b"\n"
    assert workshop.code_of(workshop.forge(payload=payload)) == Code.BAD_RECORD


STREAM_FAULTS = {
    "id twice": ("requests", REQUEST_LINE + b"\n" + _line(priority=6) + b"\n"),
    "last line without LF": ("requests", REQUEST_LINE),
    "setting twice": ("settings", lines_of("settings")[0] + b"\n" + lines_of("settings")[0] + b"\n"),
    "state twice": ("holdings", lines_of("holdings")[0] + b"\n" + lines_of("holdings")[0] + b"\n"),
    "list with an id in capitals": ("holdings", _list(str(uid(0xABC)).upper())),
    "list with an id without dashes": ("holdings", _list(uid(1).hex)),
    "list with a number": ("holdings", _list(1)),
    "list with a word": ("holdings", _list("one")),
    "list with two ids in one text": ("holdings", _list(f"{uid(1)},{uid(2)}")),
    "list with two ids in one text and an empty one": ("holdings", _list(f"{uid(1)},{uid(2)}", "")),
    "list with an id and its comma": ("holdings", _list(f"{uid(1)},", str(uid(2)))),
    "list with an id and an LF": ("holdings", _list(f"{uid(1)}\n")),
    "list with one too many": ("holdings", _list(*[str(uid(1))] * 1001)),
    "users unsorted": ("users", lines_of("users")[1] + b"\n" + USER_LINE + b"\n"),
    "users not canonical": ("users", json.dumps(json.loads(USER_LINE), ensure_ascii=False).encode() + b"\n"),
    "users escaped": (
        "users",
        json.dumps(json.loads(USER_LINE), separators=(",", ":"), sort_keys=True).encode() + b"\n",
    ),
    "usage of half an hour": ("usage", lines_of("usage")[0].replace(b"14:00:00", b"14:30:00") + b"\n"),
    "usage with another id": ("usage", lines_of("usage")[0].replace(b'"id":"', b'"id":"x') + b"\n"),
    "result a list": ("results", lines_of("results")[1].replace(b'"result":null', b'"result":[]') + b"\n"),
    "request in result too long": (
        "results",
        lines_of("results")[0].replace(b'"title": "flood"', b'"title": "' + b"x" * 65536 + b'"') + b"\n",
    ),
    "id in list in capitals": ("holdings", lines_of("holdings")[2].replace(b"019a", b"019A") + b"\n"),
    "seq without batch": ("holdings", lines_of("holdings")[0].replace(b'"seq":0', b'"seq":3') + b"\n"),
    "code null": ("holdings", lines_of("holdings")[3].replace(b'"bad_record"', b"null") + b"\n"),
}


@pytest.mark.parametrize("name", STREAM_FAULTS)
def test_payload_is_refused_when_it_breaks_a_rule_of_its_stream(workshop: Workshop, name: str) -> None:
    stream, payload = STREAM_FAULTS[name]
    at = facts_of(stream).destination
    header = {"record_count": 1} if name == "last line without LF" else {}
    assert workshop.code_of(workshop.forge(stream, payload=payload, header=header), at) == Code.BAD_RECORD


def test_snapshot_is_refused_when_its_digest_differs(workshop: Workshop) -> None:
    assert workshop.code_of(workshop.forge("settings", header={"digest": "ab" * 32}), "request") == Code.DIGEST_MISMATCH


def test_501_records_are_too_many(workshop: Workshop) -> None:
    payload = b"".join(_line(id=str(uid(n))) + b"\n" for n in range(501))
    assert workshop.code_of(workshop.forge(payload=payload)) == Code.TOO_MANY_RECORDS
    assert workshop.code_of(workshop.forge(payload=payload, header={"record_count": 500})) == Code.TOO_MANY_RECORDS
    assert workshop.code_of(workshop.forge(payload=payload[: payload.rindex(b'{"type"')])) is None


def test_long_line_is_refused_with_and_without_its_end(workshop: Workshop) -> None:
    long = b'{"type":"setting","id":"k","value":"' + b"x" * (16 * 1024 * 1024) + b'"}'
    for payload in (long + b"\n", long):
        path = workshop.forge("settings", payload=payload, header={"record_count": 1})
        assert workshop.code_of(path, "request", copy=False) == Code.LINE_TOO_LONG


def test_file_and_payload_are_too_large_above_their_limits(workshop: Workshop) -> None:
    path = workshop.forge()
    size = path.stat().st_size
    assert workshop.code_of(path, limits=Limits(file=size - 1)) == Code.TOO_LARGE
    assert workshop.code_of(path, limits=Limits(file=size)) is None
    assert workshop.code_of(path, limits=Limits(log_plaintext=100)) == Code.TOO_LARGE


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("requests_20261123_140507_{id}.jsonl.enc", "requests"),
        ("results_20261123_140506_{id}.jsonl.enc", "requests"),
        ("requests_20261123_140506_{other}.jsonl.enc", "requests"),
        ("requests_20261123_140506_{id}.jsonl.enc", "results"),
        ("requests_20261123_140506_{id}.jsonl.enc\n", "requests"),
        ("../requests_20261123_140506_{id}.jsonl.enc", "requests"),
    ],
)
def test_name_is_not_allowed_when_it_says_something_else(workshop: Workshop, name: str, folder: str) -> None:
    header, _ = workshop.receive(workshop.forge())
    check_name(f"requests_20261123_140506_{uid(100)}.jsonl.enc", header, "requests")
    with pytest.raises(BundleError, match="name_not_allowed"):
        check_name(name.format(id=uid(100), other=uid(101)), header, folder)


def test_every_code_says_what_it_means_and_what_to_do() -> None:
    for code in Code:
        description = describe(code)
        assert description.meaning.endswith(".")
        assert description.cure.endswith(".")
    with pytest.raises(ValueError, match="no_such_code"):
        describe("no_such_code")
