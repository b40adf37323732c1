"""Files and folders that nobody else may read: 0400 in 0700, strict JSON, never half written."""

import fcntl
import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from common_apps.core import strict_json
from common_apps.transfer.bundle.durability import replace_atomically, sync_directory, write_new
from common_apps.transfer.keys.errors import KeyFileError, KeysExistError

FOLDER_MODE = 0o700
FILE_MODE = 0o400
MAX_FILE = 256 * 1024

_T = TypeVar("_T")


@contextmanager
def readable() -> Iterator[None]:
    """What this account may not read is told as a fault of the folder. Raises KeyFileError."""
    try:
        yield
    except PermissionError as error:
        raise KeyFileError(
            f"{error.filename} can't be read by this account.",
            "Run as the account that owns KEY_DIR, or give it to the one that runs the site.",
        ) from None


@contextmanager
def alone_in(path: Path) -> Iterator[None]:
    """Nobody else changes the folder meanwhile: a lock on the folder itself. Raises FileNotFoundError, OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def make_private_folder(path: Path) -> None:
    """Create a folder 0700, or check the one that is there. Raises KeyFileError."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=FOLDER_MODE)
        sync_directory(path.parent)
    check_private_folder(path)


def check_private_folder(path: Path) -> None:
    """Refuse a folder that others may enter. Raises KeyFileError; FileNotFoundError where there is none."""
    facts = path.stat()
    if not stat.S_ISDIR(facts.st_mode):
        raise KeyFileError(f"{path} is no folder.", "Name the folder of the keys in KEY_DIR.")
    _check_mode(path, facts.st_mode, FOLDER_MODE)


def read_private_file(path: Path, kind: type[_T]) -> _T:
    """Read and check a file of the folder. Raises KeyFileError; FileNotFoundError where there is none."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as source:
        mode = os.fstat(source.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise KeyFileError(f"{path} is no plain file.", "Put the key file itself there.")
        _check_mode(path, mode, FILE_MODE)
        raw = source.read(MAX_FILE + 1)
    return decode_file(path, raw, kind)


def decode_file(path: Path, raw: bytes, kind: type[_T]) -> _T:
    """Strict JSON into a closed struct. Raises KeyFileError, which never quotes the content."""
    if len(raw) > MAX_FILE:
        raise KeyFileError(f"{path} is longer than {MAX_FILE} bytes.", "It is no key file: look at what was put there.")
    try:
        strict_json.loads(raw)
        return msgspec.json.decode(raw, type=kind)
    except (strict_json.StrictJsonError, msgspec.DecodeError) as error:
        raise KeyFileError(f"{path} can't be read: {error}.", "Restore it from a backup of the key folder.") from None


def create_private_file(path: Path, content: object) -> None:
    """Write a file that must not exist yet, whole or not at all. Raises KeysExistError, OSError."""
    part = path.with_name(f".{path.name}.{uuid.uuid4()}.part")
    try:
        write_new(part, _encode(content), FILE_MODE)
        # A link, unlike a rename, never replaces what another process has put there meanwhile.
        path.hardlink_to(part)
    except FileExistsError:
        raise KeysExistError(f"{path} exists already.", "Keys are never overwritten: use keys rotate.") from None
    finally:
        part.unlink(missing_ok=True)
    sync_directory(path.parent)


def replace_private_file(path: Path, content: object) -> None:
    """Replace a file atomically. Raises OSError."""
    replace_atomically(path, _encode(content), FILE_MODE)


def _encode(content: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def _check_mode(path: Path, mode: int, allowed: int) -> None:
    bits = stat.S_IMODE(mode)
    if bits & ~allowed:
        raise KeyFileError(
            f"{path} has mode {bits:04o}: looser than {allowed:04o}.",
            f"Find out who could read it, then: chmod {allowed:04o} {path}",
        )
