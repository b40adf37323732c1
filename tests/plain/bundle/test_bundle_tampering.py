"""Nothing that was changed on the way is accepted, by whoever it was changed."""

import hashlib
import json
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest

from common_apps.transfer.bundle.envelope import check_envelope, check_signature, measure
from common_apps.transfer.bundle.errors import BundleError, Code
from common_apps.transfer.bundle.layout import FOOTER_SIZE, SEALED_CHUNK_SIZE, pack_footer_counts
from common_apps.transfer.bundle.reader import read_header
from tests.plain.bundle.samples import facts_of, lines_of
from tests.plain.bundle.workshop import Workshop


def _mutations(raw: bytes) -> Iterator[bytes]:
    """Every bit flipped; every prefix; every byte deleted, doubled, preceded by a zero; bytes and bundles appended."""
    for place in range(len(raw)):
        for bit in range(8):
            yield raw[:place] + bytes([raw[place] ^ (1 << bit)]) + raw[place + 1 :]
    for place in range(len(raw)):
        yield raw[:place]
        yield raw[:place] + raw[place + 1 :]
        yield raw[:place] + b"\0" + raw[place:]
        yield raw[:place] + raw[place : place + 1] + raw[place:]
    for byte in range(256):
        yield raw + bytes([byte])
    yield raw + raw
    yield raw + bytes(112)


def _with_right_hash(raw: bytes) -> bytes:
    """What somebody without the key can still do: make counts and hash fit."""
    header_length = int.from_bytes(raw[12:16], "big")
    body_length = len(raw) - 16 - header_length - FOOTER_SIZE
    if body_length < 16:
        return raw
    chunks = max(1, -(-body_length // SEALED_CHUNK_SIZE))
    before = raw[:-FOOTER_SIZE] + pack_footer_counts(chunks, body_length)
    return before + hashlib.sha256(before).digest() + raw[-64:]


@pytest.mark.parametrize("repaired", [False, True], ids=["as it is", "with a right hash"])
def test_no_mutation_of_a_bundle_is_accepted(
    workshop: Workshop, repaired: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = workshop.write("settings", []).path.read_bytes()
    target = workshop.exports / "mutated"
    tried, codes = 0, set()
    for mutation in _mutations(raw):
        changed = _with_right_hash(mutation) if repaired and len(mutation) > 200 else mutation
        if changed == raw:
            continue
        # A new file each time: some file systems flush one that is truncated and written again.
        target.unlink(missing_ok=True)
        target.write_bytes(changed)
        code = workshop.code_of(target, "request", copy=False)
        assert code is not None, f"accepted: {changed.hex()}"
        codes.add(code)
        tried += 1
    with capsys.disabled():
        sys.stdout.write(
            f"\n{tried} mutations of a bundle of {len(raw)} bytes, none accepted; codes: {', '.join(sorted(codes))}\n"
        )
    assert tried > 12 * len(raw) - 2000
    assert Code.BAD_SIGNATURE in codes
    assert (Code.BAD_HASH in codes) is not repaired


@pytest.mark.parametrize("repaired", [False, True], ids=["as it is", "with a right hash"])
def test_no_splice_of_two_bundles_is_accepted(
    workshop: Workshop, repaired: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = uuid.UUID("01234567-89ab-7def-8123-456789abcdef"), uuid.UUID("fedcba98-7654-7210-bedc-ba9876543210")
    one, other = (workshop.write("settings", [], batch_id=each).path.read_bytes() for each in (first, second))
    target = workshop.exports / "spliced"
    tried = 0
    for left, right in ((one, other), (other, one)):
        # Cut at the same place, and at the same distance from the end, should they differ in length.
        spliced = {left[:place] + right[place:] for place in range(len(left))}
        spliced |= {left[:place] + right[len(right) - len(left) + place :] for place in range(len(left))}
        for splice in spliced - {one, other}:
            changed = _with_right_hash(splice) if repaired else splice
            if changed in (one, other):
                continue
            target.unlink(missing_ok=True)
            target.write_bytes(changed)
            assert workshop.code_of(target, "request", copy=False) is not None, f"accepted: {changed.hex()}"
            tried += 1
    with capsys.disabled():
        sys.stdout.write(f"\n{tried} splices of two bundles, none accepted\n")
    # A cut in what both have at their beginnings or ends gives one of the two back: these are left out.
    assert tried > len(one) // 2


def _swap(sealed: list[bytes]) -> list[bytes]:
    return [sealed[1], sealed[0], *sealed[2:]]


CHUNK_CHANGES = {
    "swapped": _swap,
    "first dropped": lambda sealed: sealed[1:],
    "middle dropped": lambda sealed: [sealed[0], *sealed[2:]],
    "last dropped": lambda sealed: sealed[:-1],
    "doubled": lambda sealed: [sealed[0], *sealed],
    "last moved up": lambda sealed: [*sealed[:-2], sealed[-1]],
}


@pytest.mark.parametrize("name", CHUNK_CHANGES)
def test_chunks_in_another_order_are_refused_even_when_signed(workshop: Workshop, name: str) -> None:
    value = b"".join(hashlib.sha256(bytes([n % 256, n // 256])).hexdigest().encode() for n in range(3600))
    payload = b'{"type":"setting","id":"k","value":"' + value + b'"}\n'
    sound = workshop.forge("settings", payload=payload, compression="none")
    assert workshop.code_of(sound, "request") is None
    forged = workshop.forge("settings", payload=payload, compression="none", chunks=CHUNK_CHANGES[name])
    assert workshop.code_of(forged, "request") == Code.DECRYPT_FAILED


def test_chunks_of_another_bundle_are_refused_even_when_key_and_signer_are_the_same(workshop: Workshop) -> None:
    dek = bytes(range(32))
    other: list[bytes] = []
    payload = b'{"type":"setting","id":"k","value":"' + b"x" * 200_000 + b'"}\n'

    def keep(sealed: list[bytes]) -> list[bytes]:
        other.extend(sealed)
        return sealed

    options = {"payload": payload, "compression": "none", "dek": dek}
    assert workshop.code_of(workshop.forge("settings", chunks=keep, **options), "request") is None
    facts = facts_of("settings", 101)
    for place in range(4):
        spliced = workshop.forge(
            "settings",
            facts=facts,
            chunks=lambda sealed, place=place: [*sealed[:place], other[place], *sealed[place + 1 :]],
            **options,
        )
        assert workshop.code_of(spliced, "request") == Code.DECRYPT_FAILED


def test_body_under_the_header_of_another_bundle_is_refused(workshop: Workshop) -> None:
    one = workshop.forge(facts=facts_of("requests", 1)).read_bytes()
    other = workshop.forge(facts=facts_of("requests", 2)).read_bytes()
    head = 16 + int.from_bytes(one[12:16], "big")
    other_head = 16 + int.from_bytes(other[12:16], "big")
    path = workshop.exports / "grafted"
    path.write_bytes(one[:head] + other[other_head:])
    assert workshop.code_of(path) in (Code.BAD_HASH, Code.BAD_FOOTER)
    grafted = workshop.seal(one[:head], [other[other_head:-FOOTER_SIZE]], "request", "grafted")
    assert workshop.code_of(grafted) == Code.DECRYPT_FAILED


def test_footer_of_another_bundle_is_refused(workshop: Workshop) -> None:
    one = workshop.forge(facts=facts_of("requests", 1)).read_bytes()
    other = workshop.forge(facts=facts_of("requests", 2)).read_bytes()
    path = workshop.exports / "grafted"
    path.write_bytes(one[:-64] + other[-64:])
    assert workshop.code_of(path) == Code.BAD_SIGNATURE


@pytest.mark.parametrize("stream", ["results", "users", "settings", "catalogue", "notifications", "profile_types"])
def test_a_stream_of_the_other_site_is_refused_when_this_one_signs_it(workshop: Workshop, stream: str) -> None:
    as_itself = workshop.forge(stream, header={"source": "request", "destination": "response"}, signer="request")
    assert workshop.code_of(as_itself) == Code.STREAM_NOT_ALLOWED
    as_the_other = workshop.forge(stream, signer="request")
    assert workshop.code_of(as_the_other) == Code.UNTRUSTED_SIGNER


def test_a_stream_that_the_peer_is_not_trusted_with_is_refused(workshop: Workshop) -> None:
    envelope = check_envelope(measure(workshop.forge("usage")))
    few = [replace(key, streams=frozenset({"requests", "holdings"})) for key in workshop.trusted("response")]
    with pytest.raises(BundleError, match="stream_not_allowed"):
        read_header(envelope, check_signature(envelope, few), "response")


def test_a_bundle_for_another_box_key_does_not_open(workshop: Workshop) -> None:
    path = workshop.forge()
    workshop.box["response"] = type(workshop.box["response"]).generate(version="v1", kem=workshop.kem)
    assert workshop.code_of(path) == Code.DECRYPT_FAILED


def test_wrapped_key_is_bound_to_its_bundle(workshop: Workshop) -> None:
    one = workshop.forge(facts=facts_of("requests", 1), dek=bytes(32)).read_bytes()
    wrapped = json.loads(one[16 : 16 + int.from_bytes(one[12:16], "big")])["wrapped_key"]
    moved = workshop.forge(facts=facts_of("requests", 2), dek=bytes(32), header={"wrapped_key": wrapped})
    assert workshop.code_of(moved) == Code.DECRYPT_FAILED


def test_errors_tell_no_key_material(workshop: Workshop) -> None:
    secrets = [workshop.box["response"].private, workshop.signing["request"].private]
    texts = [repr(workshop.box), repr(workshop.signing)]
    for path in (
        workshop.forge(header={"record_count": 9}),
        workshop.forge(payload=b"{}\n"),
        workshop.forge(dek=bytes(32)),
    ):
        try:
            workshop.receive(path)
        except BundleError as error:
            texts.append(str(error))
    for secret in secrets:
        assert all(secret.hex() not in text and repr(secret) not in text for text in texts)
    assert lines_of("requests")[0].decode() not in "".join(texts)
