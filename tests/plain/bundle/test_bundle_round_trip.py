"""What goes in comes out, at every length that matters."""

import io
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common_apps.transfer.bundle.chunks import open_chunks, seal_chunks
from common_apps.transfer.bundle.codec import encode_record, snapshot_digest
from common_apps.transfer.bundle.errors import BundleError
from common_apps.transfer.bundle.keypairs import Kem
from common_apps.transfer.bundle.layout import chunks_in, sealed_length
from common_apps.transfer.bundle.records import Setting
from common_apps.transfer.bundle.sidecar import check_sidecar, parse_sidecar
from common_apps.transfer.bundle.streams import STREAMS
from common_apps.transfer.bundle.writer import publish, read_back, write_part
from tests.plain.bundle.samples import RECORDS, facts_of, lines_of, request
from tests.plain.bundle.workshop import Workshop

EDGES = [0, 1, 65535, 65536, 65537, 2 * 65536 - 1, 2 * 65536, 2 * 65536 + 1]


@pytest.mark.parametrize("length", EDGES)
def test_chunks_give_the_payload_back_at_every_edge(length: int) -> None:
    payload, dek, aad = os.urandom(length), os.urandom(32), os.urandom(32)
    sealed = list(seal_chunks([payload[: length // 3], payload[length // 3 :]], dek, aad))
    body = b"".join(sealed)
    assert (len(sealed), len(body)) == (chunks_in(len(body)), sealed_length(length))
    assert b"".join(open_chunks(io.BytesIO(body), len(sealed), len(body), dek, aad)) == payload


@given(st.lists(st.binary(max_size=40000), max_size=8))
def test_chunks_do_not_depend_on_how_the_payload_was_cut(pieces: list[bytes]) -> None:
    payload, dek, aad = b"".join(pieces), bytes(32), bytes(32)
    assert list(seal_chunks(pieces, dek, aad)) == list(seal_chunks([payload], dek, aad))


@pytest.mark.parametrize("length", [0, 65535, 65536, 65537, 2 * 65536 - 1, 2 * 65536, 2 * 65536 + 1])
def test_bundle_gives_the_records_back_at_every_edge(each_workshop: Workshop, length: int) -> None:
    lines = []
    if length:
        empty = len(b'{"type":"setting","id":"k","value":""}\n')
        value = msgspec.Raw(b'"' + b"x" * (length - empty) + b'"')
        lines = [encode_record(Setting(id="k", value=value))]
    written = each_workshop.write("settings", lines, compression="none")
    header, records = each_workshop.receive(written.path, "request", name=written.filename)
    assert [encode_record(record) for record in records] == lines
    assert (header.record_count, written.record_count) == (len(lines), len(lines))
    assert header.digest == written.digest == snapshot_digest(lines)


@pytest.mark.parametrize("compression", ["zstd", "none"])
@pytest.mark.parametrize("stream", STREAMS)
def test_every_stream_arrives_as_it_was_written(each_workshop: Workshop, stream: str, compression: str) -> None:
    written = each_workshop.write(stream, compression=compression)
    at = written.header.destination
    header, records = each_workshop.receive(written.path, at, name=written.filename)
    assert records == RECORDS[stream]
    assert header == written.header
    assert len(header.wrapped) == (80 if each_workshop.kem is Kem.X25519 else 1168)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200), max_size=30))
@settings(max_examples=15)
def test_any_text_survives_the_trip(texts: list[str]) -> None:
    with TemporaryDirectory() as root:
        workshop = Workshop(Path(root))
        sent = [request(n, msgspec.json.encode({"text": text})) for n, text in enumerate(texts)]
        written = workshop.write("requests", map(encode_record, sent))
        _, came = workshop.receive(written.path)
        assert [msgspec.json.decode(record.query_params) for record in came] == [{"text": text} for text in texts]


def test_delta_carries_the_digest_that_it_was_given(workshop: Workshop) -> None:
    written = workshop.write("users", lines_of("users")[1:], mode="delta", digest="12" * 32)
    header, records = workshop.receive(written.path, "request")
    assert (header.mode, header.digest, records) == ("delta", "12" * 32, RECORDS["users"][1:])


def test_two_bundles_of_the_same_records_share_no_bytes_of_their_bodies(workshop: Workshop) -> None:
    one = workshop.write("requests", number=1).path.read_bytes()
    other = workshop.write("requests", number=2).path.read_bytes()
    assert one[-300:-112] != other[-300:-112]


def test_writer_leaves_bundle_sidecar_and_latest_and_nothing_else(workshop: Workshop) -> None:
    written = workshop.write("requests")
    names = {written.filename, f"{written.filename}.meta.json", "latest.json"}
    assert {path.name for path in workshop.exports.iterdir()} == names
    sidecar = parse_sidecar((workshop.exports / f"{written.filename}.meta.json").read_bytes())
    check_sidecar(sidecar, written.header, size=written.path.stat().st_size, checksum=written.checksum)
    assert parse_sidecar((workshop.exports / "latest.json").read_bytes()) == sidecar


def test_writer_leaves_nothing_when_a_record_is_bad(workshop: Workshop) -> None:
    with pytest.raises(BundleError, match="bad_record"):
        workshop.write("requests", [b'{"type":"request"}'])
    assert list(workshop.exports.iterdir()) == []


def test_writer_refuses_a_part_that_exists(workshop: Workshop) -> None:
    facts, options = facts_of("requests"), {"signing": workshop.signing["request"]}
    options["recipient"] = workshop.box["response"].public_key
    part = write_part(workshop.exports, facts, lines_of("requests"), **options)
    assert part.path.name == part.filename + ".part"
    with pytest.raises(FileExistsError):
        write_part(workshop.exports, facts, lines_of("requests"), **options)
    assert publish(part).path.name == part.filename


def test_read_back_knows_ones_own_bundle_again(workshop: Workshop) -> None:
    written = workshop.write("requests")
    again = read_back(written.path, workshop.trusted("response"), "request")
    assert again == written
    with pytest.raises(BundleError, match="bad_signature"):
        read_back(written.path, workshop.trusted("request"), "request")
