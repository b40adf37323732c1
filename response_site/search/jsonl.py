"""Reads JSON lines, plain, .gz or .zst, strictly and one line at a time."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import zstandard

from common_apps.core.strict_json import StrictJsonError, loads
from response_site.search.dataset import DatasetError

_CHUNK_BYTES = 64 * 1024
# Also what a compressed file may grow to before its first line ends.
MAX_LINE_BYTES = 16 * 1024 * 1024


def read_documents(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number from 1, object) of every line. Raises DatasetError naming the file and the line."""
    number = 0
    for number, line in enumerate(_lines(path), start=1):
        try:
            document = loads(line)
        except StrictJsonError as error:
            raise DatasetError(f"{path}, line {number}: {error.detail}") from error
        if not isinstance(document, dict):
            raise DatasetError(f"{path}, line {number}: a document is a JSON object")
        yield number, document
    if number == 0:
        raise DatasetError(f"{path} holds no documents")


def _lines(path: Path) -> Iterator[bytes]:
    rest = b""
    for chunk in _chunks(path):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
        if len(rest) > MAX_LINE_BYTES:
            raise DatasetError(f"{path}: a line is longer than {MAX_LINE_BYTES} bytes; is it JSON lines?")
    if rest:
        yield rest


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            if path.suffix == ".zst":
                yield from _zstd_chunks(file)
            elif path.suffix == ".gz":
                with gzip.open(file) as unpacked:
                    while chunk := unpacked.read(_CHUNK_BYTES):
                        yield chunk
            else:
                while chunk := file.read(_CHUNK_BYTES):
                    yield chunk
    except OSError as error:  # gzip.BadGzipFile is one
        raise DatasetError(f"{path}: {error.strerror or error}") from error
    except (EOFError, zlib.error, zstandard.ZstdError) as error:
        raise DatasetError(f"{path} is damaged or incomplete: {error}") from error


def _zstd_chunks(file: BinaryIO) -> Iterator[bytes]:
    # zstandard's stream reader takes a truncated frame for a finished one; only `eof` tells them apart.
    frame = None
    while packed := file.read(_CHUNK_BYTES):
        while packed:
            if frame is None:
                frame = zstandard.ZstdDecompressor().decompressobj()
            yield frame.decompress(packed)
            packed = frame.unused_data if frame.eof else b""
            if frame.eof:
                frame = None
    if frame is not None:
        raise EOFError("the last frame has no end")
