"""Where what stands in the file: prefix, header, chunks, footer.

   0    8  magic
   8    1  format version | 1 chunk_log2 | 2 reserved
  12    4  u32be header length H
  16    H  header
   .       chunks of 65536 plaintext bytes, each with a 16-byte tag
-112    4  "AFBF" | 4 u32be chunk count | 8 u64be body length
 -96   32  SHA-256 of every byte before this field
 -64   64  Ed25519 signature
"""

import struct
from dataclasses import dataclass

from common_apps.transfer.bundle.errors import BundleError, Code

MAGIC = b"\x89AFB\r\n\x1a\n"
FORMAT_VERSION = 1
CHUNK_LOG2 = 16
CHUNK_SIZE = 1 << CHUNK_LOG2
TAG_SIZE = 16
SEALED_CHUNK_SIZE = CHUNK_SIZE + TAG_SIZE
MAX_HEADER = 65536
FOOTER_MAGIC = b"AFBF"
FOOTER_SIZE = 112
HASH_SIZE = 32
SIGNATURE_SIZE = 64
HASHED_TAIL = HASH_SIZE + SIGNATURE_SIZE
SIGNATURE_CONTEXT = b"airferry/1/bundle\0"

_PREFIX = struct.Struct(">8sBBHI")
_FOOTER = struct.Struct(">4sIQ")
PREFIX_SIZE = _PREFIX.size
MIN_FILE = PREFIX_SIZE + 1 + TAG_SIZE + FOOTER_SIZE


@dataclass(frozen=True)
class Footer:
    """The footer's fields; `signed` are the 48 bytes that the signature covers, after its context."""

    chunk_count: int
    body_length: int
    content_hash: bytes
    signature: bytes
    signed: bytes


def pack_prefix(header: bytes) -> bytes:
    """The 16 bytes before the header."""
    return _PREFIX.pack(MAGIC, FORMAT_VERSION, CHUNK_LOG2, 0, len(header))


def parse_prefix(prefix: bytes) -> int:
    """The header's length. Raises BundleError bad_magic, unsupported_version, bad_header, in this order."""
    magic, version, chunk_log2, reserved, header_length = _PREFIX.unpack(prefix)
    if magic != MAGIC:
        raise BundleError(Code.BAD_MAGIC, "the first 8 bytes are not a bundle's")
    if (version, chunk_log2, reserved) != (FORMAT_VERSION, CHUNK_LOG2, 0):
        raise BundleError(Code.UNSUPPORTED_VERSION, f"format {version}, chunk size 2^{chunk_log2}, reserved {reserved}")
    if not 0 < header_length <= MAX_HEADER:
        raise BundleError(Code.BAD_HEADER, f"its length is {header_length}, 1 to {MAX_HEADER} are allowed")
    return int(header_length)


def pack_footer_counts(chunk_count: int, body_length: int) -> bytes:
    """The first 16 bytes of the footer, which are hashed with all before them."""
    return _FOOTER.pack(FOOTER_MAGIC, chunk_count, body_length)


def parse_footer(footer: bytes, *, file_size: int, header_length: int) -> Footer:
    """Parse the last 112 bytes. Raises BundleError truncated, bad_footer, in this order."""
    magic, chunk_count, body_length = _FOOTER.unpack_from(footer)
    if magic != FOOTER_MAGIC:
        raise BundleError(Code.TRUNCATED, "no footer at the end of the file")
    room = file_size - PREFIX_SIZE - header_length - FOOTER_SIZE
    if body_length != room or chunk_count != chunks_in(body_length):
        raise BundleError(
            Code.BAD_FOOTER, f"{chunk_count} chunks in {body_length} bytes; the file has room for {max(room, 0)} bytes"
        )
    signed_end = FOOTER_SIZE - SIGNATURE_SIZE
    return Footer(
        chunk_count=chunk_count,
        body_length=body_length,
        content_hash=footer[_FOOTER.size : signed_end],
        signature=footer[signed_end:],
        signed=footer[:signed_end],
    )


def chunks_in(body_length: int) -> int:
    """How many chunks make a body of that length; 0 where none can.

    The last one may be empty (a bare tag) only when it is the only one.
    """
    whole, rest = divmod(body_length, SEALED_CHUNK_SIZE)
    if rest == 0:
        return whole
    if rest > TAG_SIZE or (rest == TAG_SIZE and whole == 0):
        return whole + 1
    return 0


def sealed_length(plain_length: int) -> int:
    """Bytes of the body that hold `plain_length` bytes of payload."""
    chunks = max(1, -(-plain_length // CHUNK_SIZE))
    return plain_length + chunks * TAG_SIZE
