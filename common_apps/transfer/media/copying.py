"""Copying off a stick, and onto it so that it lasts: every byte is read back from the medium, not from memory."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from common_apps.core.failpoints import failpoint
from common_apps.transfer.bundle.names import PART_SUFFIX
from common_apps.transfer.media.errors import StickCode, StickError
from common_apps.transfer.media.folder import Folder

_STEP = 1024 * 1024
Advance = Callable[[int], None]


def idle(count: int) -> None:
    """Nobody watches."""


def measure_on(folder: Folder, name: str, *, advance: Advance = idle) -> tuple[int, str]:
    """Size (bytes) and SHA-256 (hex) of a file, as the medium has it. Raises NotPlainError, OSError."""
    descriptor = folder.read(name)
    try:
        # What this machine has written a moment ago would otherwise be read from memory.
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        whole, size = hashlib.sha256(), 0
        for block in _blocks(descriptor):
            whole.update(block)
            size += len(block)
            advance(len(block))
    finally:
        os.close(descriptor)
    return size, whole.hexdigest()


def read_off(folder: Folder, name: str, *, most: int) -> bytes:
    """The first ``most`` bytes of a small file. Raises NotPlainError, OSError."""
    descriptor = folder.read(name)
    try:
        return os.read(descriptor, most)
    finally:
        os.close(descriptor)


def take_off(folder: Folder, name: str, target: Path, *, advance: Advance = idle) -> None:
    """Copies a file off the stick; the copy is private and not synced. Raises NotPlainError, OSError."""
    descriptor = folder.read(name)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(target, flags, 0o600), "wb") as writer:
            for block in _blocks(descriptor):
                writer.write(block)
                advance(len(block))
    finally:
        os.close(descriptor)


def put_on(folder: Folder, name: str, source: Iterator[bytes], *, advance: Advance = idle) -> tuple[int, str]:
    """Writes ``<name>.part``, syncs it, reads it back, and gives it its name; size (bytes) and SHA-256 (hex).

    A part stays only when the process dies or the stick does. Raises StickError stick_defective where the medium
    gives back other bytes, OSError; a write that is cut short is ENOSPC.
    """
    part = name + PART_SUFFIX
    descriptor = folder.create(part)
    try:
        whole, size = hashlib.sha256(), 0
        try:
            for block in source:
                write_all(descriptor, block)
                whole.update(block)
                size += len(block)
                advance(len(block))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        failpoint("carry.part_written")
        said = (size, whole.hexdigest())
        if measure_on(folder, part, advance=advance) != said:
            raise StickError(StickCode.DEFECTIVE, f"The stick gave back other bytes than were written: {name}.")
        failpoint("carry.read_back")
        folder.rename(part, name)
        folder.sync()
    except (OSError, StickError):
        drop(folder, part)
        raise
    failpoint("carry.named")
    return said


def file_blocks(path: Path) -> Iterator[bytes]:
    """The bytes of a file of this site. Raises OSError."""
    with path.open("rb", buffering=0) as reader:
        while block := reader.read(_STEP):
            yield block


def write_all(descriptor: int, block: bytes) -> None:
    """Raises OSError; what is not taken whole is a full disk."""
    if os.write(descriptor, block) != len(block):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def drop(folder: Folder, name: str) -> None:
    """Removes it if that can be done: a stick that is gone can't be tidied, and the next run does it."""
    try:
        folder.remove(name)
    except OSError:
        return


def _blocks(descriptor: int) -> Iterator[bytes]:
    while block := os.read(descriptor, _STEP):
        yield block
