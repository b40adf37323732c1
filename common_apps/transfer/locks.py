"""One exporter a stream, one importer a site: flock, which the kernel lets go of when its holder dies, however it dies.

Session locks of the database would be lost behind PgBouncer, and a transaction's lock can't outlast T1.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from common_apps.transfer.errors import TransferBusyError, TransferStuckError

# A fraction of what one file takes, so that whoever imports many lets others in between.
_EVERY_S = 0.005
_LOCKS = Path("/proc/locks")


@contextmanager
def hold(path: Path, *, what: str, wait: bool = True) -> Iterator[None]:
    """Holds the lock for the block. Raises TransferBusyError when it is taken and ``wait`` is false, TransferStuckError
    when its holder doesn't let go of it within LOCK_WAIT_SECONDS: a process that hangs must not make all others hang.
    OSError.

    ``what`` names the work, for the error. Two holders within one process keep each other out, too.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        began = time.monotonic()
        while not _take(descriptor):
            if not wait:
                raise TransferBusyError(what)
            if time.monotonic() - began >= settings.LOCK_WAIT_SECONDS:
                raise TransferStuckError(what, seconds=settings.LOCK_WAIT_SECONDS, holder=_holder(descriptor))
            time.sleep(_EVERY_S)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> int | None:
    """The process that holds the lock, where the kernel tells (not across containers)."""
    inode = str(os.fstat(descriptor).st_ino)
    try:
        lines = _LOCKS.read_text().splitlines()
    except OSError:
        return None
    # "1: FLOCK  ADVISORY  WRITE 4711 08:01:1234 0 EOF"; who waits has an arrow behind the number.
    held = [words for words in map(str.split, lines) if len(words) > 5 and words[1] == "FLOCK"]
    found = [int(words[4]) for words in held if words[5].rpartition(":")[2] == inode]
    return found[0] if found and found[0] > 0 else None
