"""Steps 1 to 4 of the order of trust: a private copy, its sizes, its hash, its signature.

Nothing here parses JSON or decompresses: until the signature has been verified the bytes are anybody's.
"""

import errno
import hashlib
import os
import stat
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from common_apps.transfer.bundle.errors import BundleError, Code
from common_apps.transfer.bundle.keypairs import fingerprint_of, signature_verifies
from common_apps.transfer.bundle.layout import (
    FOOTER_SIZE,
    HASHED_TAIL,
    MIN_FILE,
    PREFIX_SIZE,
    Footer,
    parse_footer,
    parse_prefix,
)
from common_apps.transfer.bundle.limits import DEFAULT_LIMITS, Limits

_COPY_STEP = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class MeasuredFile:
    """A file that only this site can write. `size` in bytes, hashes SHA-256: of all, in hex; of all before the hash
    field, raw.
    """

    path: Path
    size: int
    checksum: str
    content_hash: bytes


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """A file whose outside is sound; its header has not been parsed."""

    file: MeasuredFile
    header_bytes: bytes
    prefix: bytes
    footer: Footer

    @property
    def body_offset(self) -> int:
        """Where the first chunk begins."""
        return PREFIX_SIZE + len(self.header_bytes)


@dataclass(frozen=True)
class TrustedKey:
    """A raw Ed25519 key of a peer, with what it may sign."""

    site: str
    public: bytes
    streams: frozenset[str]


@dataclass(frozen=True)
class Signer:
    """Whose key verified. `own`: one of this site's keys, so the file is a bundle of ours come back."""

    site: str
    fingerprint: str
    streams: frozenset[str]
    own: bool


def take_copy(path: Path, private_dir: Path, limits: Limits = DEFAULT_LIMITS) -> MeasuredFile:
    """Step 1: copy a file from a medium into `private_dir` as `<checksum>.enc`, hashing what is read; the source is
    never written.

    Raises BundleError not_regular, too_large, disk_full; OSError where the medium can't be read.
    """
    source = _open_regular(path)
    with source:
        size = os.fstat(source.fileno()).st_size
        _check_size(size, limits)
        _check_room(private_dir, size, limits)
        part = private_dir / f".{uuid.uuid4()}.part"
        try:
            measured = _copy(source, part, limits)
            final = private_dir / f"{measured.checksum}.enc"
            part.replace(final)
        except OSError as error:
            part.unlink(missing_ok=True)
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise BundleError(Code.DISK_FULL, "no room for a private copy") from error
            raise
        except BundleError:
            part.unlink(missing_ok=True)
            raise
    # Its name need not outlast a power cut: the source is still there then.
    return MeasuredFile(path=final, size=measured.size, checksum=measured.checksum, content_hash=measured.content_hash)


def measure(path: Path, limits: Limits = DEFAULT_LIMITS) -> MeasuredFile:
    """Hash a file where it lies: for what this site wrote or copied itself.

    Raises BundleError not_regular, too_large, and bad_hash where a part of it can't be read any more; OSError.
    """
    with _open_regular(path) as source:
        _check_size(os.fstat(source.fileno()).st_size, limits)
        try:
            return _hash(source, path, None, limits)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            raise BundleError(Code.BAD_HASH, "a part of the file can't be read") from error


def check_envelope(file: MeasuredFile) -> Envelope:
    """Steps 2 and 3: sizes and hash.

    Raises BundleError too_small, bad_magic, unsupported_version, bad_header, truncated, bad_footer, bad_hash, in
    this order.
    """
    if file.size < MIN_FILE:
        raise BundleError(Code.TOO_SMALL, f"{file.size} bytes; the smallest bundle has {MIN_FILE}")
    with file.path.open("rb") as copy:
        prefix = copy.read(PREFIX_SIZE)
        header_length = parse_prefix(prefix)
        header_bytes = copy.read(header_length)
        copy.seek(-FOOTER_SIZE, os.SEEK_END)
        footer = parse_footer(copy.read(FOOTER_SIZE), file_size=file.size, header_length=header_length)
    if footer.content_hash != file.content_hash:
        raise BundleError(Code.BAD_HASH, "the content does not have the SHA-256 that the footer names")
    return Envelope(file=file, header_bytes=header_bytes, prefix=prefix, footer=footer)


def check_signature(envelope: Envelope, trusted: Iterable[TrustedKey], own: Iterable[TrustedKey] = ()) -> Signer:
    """Step 4: find the key that signed, among the trusted ones and one's own (old ones too). Raises BundleError
    bad_signature.
    """
    footer = envelope.footer
    for keys, is_own in ((trusted, False), (own, True)):
        for key in keys:
            if signature_verifies(key.public, footer.signature, footer.signed):
                return Signer(key.site, fingerprint_of(key.public), key.streams, is_own)
    raise BundleError(Code.BAD_SIGNATURE, "no trusted key verifies the signature")


def _open_regular(path: Path) -> BinaryIO:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        # A symbolic link, a socket, or a device without a driver.
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.ENODEV):
            raise BundleError(Code.NOT_REGULAR, "not a plain file") from None
        raise
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1:
        os.close(descriptor)
        what = "it has more than one link" if stat.S_ISREG(facts.st_mode) else "not a plain file"
        raise BundleError(Code.NOT_REGULAR, what)
    return os.fdopen(descriptor, "rb", buffering=0)


def _check_size(size: int, limits: Limits) -> None:
    if size > limits.file:
        raise BundleError(Code.TOO_LARGE, f"more than {limits.file} bytes")


def _check_room(directory: Path, size: int, limits: Limits) -> None:
    room = os.statvfs(directory)
    free = room.f_bavail * room.f_frsize
    # Zero blocks in all means that the file system doesn't tell.
    if room.f_blocks and free < size * limits.free_disk_factor:
        raise BundleError(Code.DISK_FULL, f"{free} bytes free, {size * limits.free_disk_factor} are needed")


def _copy(source: BinaryIO, part: Path, limits: Limits) -> MeasuredFile:
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb", buffering=0) as target:
        measured = _hash(source, part, target, limits)
        os.fsync(target.fileno())
    return measured


def _hash(source: BinaryIO, path: Path, target: BinaryIO | None, limits: Limits) -> MeasuredFile:
    """Read to the end, hashing all and all but the last 96 bytes; what is read goes to `target`, too."""
    whole = hashlib.sha256()
    content = hashlib.sha256()
    held_back = b""
    size = 0
    while block := source.read(_COPY_STEP):
        size += len(block)
        _check_size(size, limits)
        whole.update(block)
        held_back += block
        content.update(held_back[:-HASHED_TAIL])
        held_back = held_back[-HASHED_TAIL:]
        if target is not None:
            _write_all(target, block)
    return MeasuredFile(path=path, size=size, checksum=whole.hexdigest(), content_hash=content.digest())


def _write_all(target: BinaryIO, block: bytes) -> None:
    view = memoryview(block)
    while view:
        written = target.write(view)
        view = view[written:]
