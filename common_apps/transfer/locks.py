"""One exporter a stream, one importer a site: flock, which the kernel lets go of when its holder dies, however it dies.

Session locks of the database would be lost behind PgBouncer, and a transaction's lock can't outlast T1.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common_apps.transfer.errors import TransferBusyError


@contextmanager
def hold(path: Path, *, what: str, wait: bool = True) -> Iterator[None]:
    """Holds the lock for the block. Raises TransferBusyError when it is taken and ``wait`` is false; OSError.

    ``what`` names the work, for the error. Two holders within one process keep each other out, too.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise TransferBusyError(what) from None
        yield
    finally:
        os.close(descriptor)
