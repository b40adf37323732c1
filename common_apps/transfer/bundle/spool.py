"""A place for the packed payload until the header, which needs its count and digest, can be written."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_IN_MEMORY = 4 * 1024 * 1024
_READ_STEP = 256 * 1024


class Spool:
    """Bytes in, the same bytes out, once. Small ones stay in memory; large ones go to a file without a name.

    On the disk they are encrypted (AES-256-CTR) under a key that is never kept: EXPORT_DIR may lie on a medium that
    is carried, and freed blocks can be read there.
    """

    def __init__(self, directory: Path) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY, dir=str(directory))  # noqa: SIM115 - closed in __exit__
        self._cipher = Cipher(algorithms.AES256(os.urandom(32)), modes.CTR(bytes(16)))
        self._encryptor = self._cipher.encryptor()

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, piece: bytes) -> None:
        """Append. Raises OSError when the disk is full."""
        self._file.write(self._encryptor.update(piece))

    def read(self) -> Iterator[bytes]:
        """All that was written, from the beginning."""
        self._file.seek(0)
        decryptor = self._cipher.decryptor()
        while piece := self._file.read(_READ_STEP):
            yield decryptor.update(piece)
