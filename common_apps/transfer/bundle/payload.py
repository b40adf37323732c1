"""The payload as a stream: into zstd, and back to records, with bounded memory on hostile input."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Literal

import zstandard

from common_apps.transfer.bundle.blocks import decode_block
from common_apps.transfer.bundle.codec import decode_record
from common_apps.transfer.bundle.errors import BundleError, Code
from common_apps.transfer.bundle.header import Header
from common_apps.transfer.bundle.limits import Limits
from common_apps.transfer.bundle.records import Record

Compression = Literal["zstd", "none"]

MAX_WINDOW = 8 * 1024 * 1024
COMPRESSION_LEVEL = 3

_FRAME_MAGIC = b"\x28\xb5\x2f\xfd"
# A block of 4 compressed bytes can stand for 128 KiB, so this much input gives at most 16 MiB at once.
_INPUT_STEP = 512
_LINES_AT_ONCE = 256 * 1024
_SPLIT_STEP = 256 * 1024


def compress(pieces: Iterable[bytes], compression: Compression) -> Iterator[bytes]:
    """Pack pieces of a payload as one zstd frame (with checksum, window below 8 MiB), or leave them as they are."""
    if compression == "none":
        yield from pieces
        return
    packer = zstandard.ZstdCompressor(level=COMPRESSION_LEVEL, write_checksum=True).compressobj()
    for piece in pieces:
        packed = packer.compress(piece)
        if packed:
            yield packed
    yield packer.flush()


def decompress(pieces: Iterable[bytes], compression: Compression) -> Iterator[bytes]:
    """Undo `compress`. Raises BundleError decompress_failed for anything but one whole frame with nothing after it."""
    if compression == "none":
        yield from pieces
        return
    unpacker = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).decompressobj()
    start = b""
    for piece in pieces:
        if len(start) < len(_FRAME_MAGIC):
            start += piece[: len(_FRAME_MAGIC) - len(start)]
            _check_magic(start)
        for at in range(0, len(piece), _INPUT_STEP):
            if unpacker.eof:
                raise BundleError(Code.DECOMPRESS_FAILED, "something follows the zstd frame")
            try:
                plain = unpacker.decompress(piece[at : at + _INPUT_STEP])
            except zstandard.ZstdError as error:
                raise BundleError(Code.DECOMPRESS_FAILED, str(error)) from None
            if plain:
                yield plain
        if unpacker.unused_data:
            raise BundleError(Code.DECOMPRESS_FAILED, "something follows the zstd frame")
    if not unpacker.eof:
        raise BundleError(Code.DECOMPRESS_FAILED, "the zstd frame is cut short")


def split_lines(pieces: Iterable[bytes], limits: Limits) -> Iterator[list[bytes]]:
    """Lines without their LF, as many at once as a piece ends. Raises BundleError line_too_long, or bad_record where
    the last LF is missing, behind all the lines before.
    """
    begun: list[bytes] = []
    length = 0
    for piece in _in_steps(pieces):
        first, *others = piece.split(b"\n")
        begun.append(first)
        length += len(first)
        if others:
            lines = [b"".join(begun), *others]
            begun = [lines.pop()]
            length = len(begun[0])
            if max(map(len, lines)) > limits.line:
                place = next(place for place, line in enumerate(lines) if len(line) > limits.line)
                yield lines[:place]
                raise _too_long(limits)
            yield lines
        if length > limits.line:
            raise _too_long(limits)
    if length:
        raise BundleError(Code.BAD_RECORD, "the last line has no LF")


def read_records(pieces: Iterable[bytes], header: Header, limits: Limits) -> Iterator[Record]:
    """Decode and check a whole uncompressed payload against its header.

    Raises BundleError too_large, too_many_records, line_too_long, bad_record, count_mismatch, digest_mismatch. What
    was yielded before an error must be thrown away: only the end of the iteration says that the payload is sound.
    """
    spec = header.spec
    most, canonical = spec.max_records(limits), spec.canonical
    if most is not None and header.record_count > most:
        raise BundleError(Code.TOO_MANY_RECORDS, f"{header.record_count} records, {most} are allowed")
    digest = hashlib.sha256()
    seen: set[object] = set()
    last_id = ""
    count = identified = 0
    lines = split_lines(_measured(pieces, spec.max_plaintext(limits), digest), limits)
    for record in _decode(_counted(lines, most, header.record_count), header, limits):
        count += 1
        identity = record.identity()
        if canonical:
            # Sorted, so a record that stands twice shows without remembering millions of ids.
            if str(identity) <= last_id:
                raise BundleError(Code.BAD_RECORD, f"line {count}: id {identity} is not above the one before it")
            last_id = str(identity)
        elif identity is not None:
            # A log has few; of a state's millions the hashes, 64 bits under a key that nobody knows, are enough.
            seen.add(identity if most is not None else hash(str(identity)))
            identified += 1
            if len(seen) != identified:
                raise BundleError(Code.BAD_RECORD, f"line {count}: its id stands twice")
        yield record
    if count != header.record_count:
        raise BundleError(Code.COUNT_MISMATCH, f"{count} records, the header says {header.record_count}")
    if header.mode == "snapshot" and digest.hexdigest() != header.digest:
        raise BundleError(Code.DIGEST_MISMATCH, "the payload's SHA-256 is not the header's digest")


def _counted(lists: Iterable[list[bytes]], most: int | None, announced: int) -> Iterator[list[bytes]]:
    """Passes lines on as long as they are no more than are allowed, and than the header has announced."""
    room = announced if most is None else min(most, announced)
    for lines in lists:
        if len(lines) > room:
            yield lines[:room]
            if most is not None and most <= announced:
                raise BundleError(Code.TOO_MANY_RECORDS, f"more than the {most} records that are allowed")
            raise BundleError(Code.COUNT_MISMATCH, f"more than the {announced} records of the header")
        room -= len(lines)
        yield lines


def _decode(lists: Iterator[list[bytes]], header: Header, limits: Limits) -> Iterator[Record]:
    """The records of the lines, a block at a time. Errors come in the order of the lines."""
    count = 0
    for block, error in _blocks(lists):
        decoded = decode_block(header.stream, block, limits, header.schema) if len(block) > 1 else None
        if decoded is not None:
            yield from decoded
        else:
            for place, line in enumerate(block, count + 1):
                try:
                    yield decode_record(header.stream, line, limits, header.schema)
                except BundleError as fault:
                    raise BundleError(fault.code, f"line {place}: {fault.detail}") from None
        count += len(block)
        if error is not None:
            raise error


def _blocks(lists: Iterator[list[bytes]]) -> Iterator[tuple[list[bytes], BundleError | None]]:
    """Lines gathered into blocks of some 256 KiB, and the error that stopped them behind the last; a longer line stands
    alone.
    """
    block: list[bytes] = []
    size = 0
    error = None
    try:
        for lines in lists:
            for line in lines:
                if block and size + len(line) > _LINES_AT_ONCE:
                    yield block, None
                    block, size = [], 0
                block.append(line)
                # With its LF, or lines of nothing would never fill a block.
                size += len(line) + 1
    except BundleError as stopped:
        error = stopped
    if block or error is not None:
        yield block, error


def _check_magic(start: bytes) -> None:
    if not _FRAME_MAGIC.startswith(start):
        raise BundleError(Code.DECOMPRESS_FAILED, "the payload is no zstd frame")


def _in_steps(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Cut large pieces, so that splitting one that is nothing but line ends makes no list of millions."""
    for piece in pieces:
        for at in range(0, len(piece), _SPLIT_STEP):
            yield piece[at : at + _SPLIT_STEP]


def _too_long(limits: Limits) -> BundleError:
    return BundleError(Code.LINE_TOO_LONG, f"longer than {limits.line} bytes")


def _measured(pieces: Iterable[bytes], most: int, digest: "hashlib._Hash") -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > most:
            raise BundleError(Code.TOO_LARGE, f"more than {most} bytes of payload")
        digest.update(piece)
        yield piece
