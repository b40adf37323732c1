"""Somebody with a pen of their own: bundles that look right, and that no trusted key has signed."""

from __future__ import annotations

import tempfile
from pathlib import Path

from common_apps.transfer.bundle.keypairs import SigningKey
from common_apps.transfer.bundle.layout import FOOTER_SIZE, PREFIX_SIZE
from common_apps.transfer.bundle.writer import write_bundle
from common_apps.transfer.keys import KeyFolder
from tests.model.sites import PEER
from tests.model.stick import Written
from tests.plain.bundle.samples import facts_of, lines_of


def forge(stream: str, source: str, reader_keys: Path, number: int) -> Written:
    """A whole bundle of the stream, encrypted to the reader, and signed with a key that nobody trusts."""
    stranger = SigningKey.generate(site=source, version="v1")
    with tempfile.TemporaryDirectory() as folder:
        written = write_bundle(
            Path(folder),
            facts_of(stream, number=number, seq=2**50, source=source, destination=PEER[source]),
            lines_of(stream),
            signing=stranger,
            recipient=KeyFolder(reader_keys).box_key().public_key,
        )
        sidecar = written.path.with_name(written.path.name + ".meta.json").read_bytes()
        return Written(written.path.name, source, stream, written.path.read_bytes(), sidecar)


def splice(head: Written, body: Written) -> bytes:
    """The header of one bundle, and the body and footer of another."""
    length = PREFIX_SIZE + int.from_bytes(head.data[12:16], "big")
    other = PREFIX_SIZE + int.from_bytes(body.data[12:16], "big")
    return head.data[:length] + body.data[other:]


def swap_footers(one: Written, other: Written) -> bytes:
    """All of one bundle under the signature of another."""
    return one.data[:-FOOTER_SIZE] + other.data[-FOOTER_SIZE:]
