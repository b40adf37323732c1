"""AES-256-GCM over chunks of 64 KiB (the STREAM construction: the nonce tells a chunk's place, and the last from
the others).
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from common_apps.transfer.bundle.errors import BundleError, Code
from common_apps.transfer.bundle.layout import CHUNK_SIZE, SEALED_CHUNK_SIZE

DEK_SIZE = 32


def associated_data(prefix_and_header: bytes) -> bytes:
    """What every chunk is bound to: SHA-256 of all bytes before the body."""
    return hashlib.sha256(prefix_and_header).digest()


def seal_chunks(pieces: Iterable[bytes], dek: bytes, aad: bytes) -> Iterator[bytes]:
    """Encrypt a payload given in pieces of any length; yields sealed chunks, at least one."""
    cipher = AESGCM(dek)
    index = 0
    pending = b""
    for piece in pieces:
        pending += piece
        # One byte more must follow: only then is a full chunk known not to be the last.
        while len(pending) > CHUNK_SIZE:
            yield cipher.encrypt(_nonce(index, last=False), pending[:CHUNK_SIZE], aad)
            pending = pending[CHUNK_SIZE:]
            index += 1
    yield cipher.encrypt(_nonce(index, last=True), pending, aad)


def open_chunks(body: BinaryIO, chunk_count: int, body_length: int, dek: bytes, aad: bytes) -> Iterator[bytes]:
    """Decrypt the `chunk_count` chunks from where `body` stands. Raises BundleError decrypt_failed."""
    cipher = AESGCM(dek)
    left = body_length
    for index in range(chunk_count):
        sealed = body.read(min(SEALED_CHUNK_SIZE, left))
        left -= len(sealed)
        try:
            yield cipher.decrypt(_nonce(index, last=index == chunk_count - 1), sealed, aad)
        except (InvalidTag, ValueError):
            raise BundleError(Code.DECRYPT_FAILED, f"chunk {index} of {chunk_count} is not authentic") from None


def _nonce(index: int, *, last: bool) -> bytes:
    return index.to_bytes(11, "big") + (b"\x01" if last else b"\x00")
