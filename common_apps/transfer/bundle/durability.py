"""Making names and bytes survive a power cut: write, fsync, rename, fsync the directory."""

import os
import uuid
from pathlib import Path


def sync_directory(directory: Path) -> None:
    """Make renames and new names in `directory` durable. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_new(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Create `path` with `content` and fsync it. Raises FileExistsError where it exists, and OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as target:
        # The umask may have taken bits away, and a key file must not depend on it.
        os.fchmod(target.fileno(), mode)
        target.write(content)
        target.flush()
        os.fsync(target.fileno())


def replace_atomically(path: Path, content: bytes, mode: int = 0o644, *, lasting: bool = True) -> None:
    """Put `content` at `path` so that a reader, or a crash, meets the old or the new, never half. Raises OSError.

    `lasting`: after a power cut it is the new; else it may be the old.
    """
    part = path.with_name(f".{path.name}.{uuid.uuid4()}.part")
    try:
        write_new(part, content, mode)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    if lasting:
        sync_directory(path.parent)
