"""A disk that is full, or broken, from the k-th write, fsync or rename on: the one thing that real ones don't do at
will.
"""

from __future__ import annotations

import errno
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

KINDS = ("write", "fsync", "rename")
# A full disk stays full; a bad sector is met once.
LASTING = {errno.ENOSPC: True, errno.EIO: False}


class FailingDisk:
    """Counts what is done below ``root``, and fails the ``number``-th of its ``kind``. ``is_met``: it came to that."""

    def __init__(self, root: Path, kind: str, number: int, error: int) -> None:
        self._root = f"{root}/"
        self._kind = kind
        self._number = number
        self._error = error
        self._count = 0

    @property
    def is_met(self) -> bool:
        return self._count >= self._number

    def meet(self, kind: str, path: str) -> None:
        if kind != self._kind or not path.startswith(self._root):
            return
        self._count += 1
        if self._count == self._number or (self.is_met and LASTING[self._error]):
            raise OSError(self._error, os.strerror(self._error), path)

    @contextmanager
    def below(self) -> Iterator[None]:
        """The services' calls go through this disk."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", self._before("fsync", os.fsync, _path_of))
            for name in ("rename", "replace"):
                patch.setattr(os, name, self._before("rename", getattr(os, name), str))
            patch.setattr(os, "fdopen", self._opening(os.fdopen))
            patch.setattr(tempfile, "TemporaryFile", self._temporary)
            yield

    def _before(self, kind: str, call: Callable[..., Any], name: Callable[[Any], str]) -> Callable[..., Any]:
        def failing(first: Any, *others: Any, **options: Any) -> Any:
            self.meet(kind, name(first))
            return call(first, *others, **options)

        return failing

    def _opening(self, fdopen: Callable[..., Any]) -> Callable[..., Any]:
        def opened(descriptor: int, mode: str = "r", buffering: int = -1, *others: Any, **options: Any) -> Any:
            if mode != "wb":
                return fdopen(descriptor, mode, buffering, *others, **options)
            raw = _Writing(descriptor, self, mode)
            # As io does it: what is buffered meets the disk when it is flushed, at the latest when the file is closed.
            return raw if buffering == 0 else io.BufferedWriter(raw)

        return opened

    def _temporary(self, *_: Any, **options: Any) -> Any:
        descriptor, path = tempfile.mkstemp(dir=options["dir"])
        Path(path).unlink()
        return io.BufferedRandom(_Writing(descriptor, self, "w+b", path))


class _Writing(io.FileIO):
    def __init__(self, descriptor: int, disk: FailingDisk, mode: str, path: str | None = None) -> None:
        super().__init__(descriptor, mode)
        self._disk = disk
        self._path = path or _path_of(descriptor)

    def write(self, data: Any) -> int:
        self._disk.meet("write", self._path)
        return super().write(data)


def _path_of(descriptor: int) -> str:
    return str(Path(f"/proc/self/fd/{descriptor}").readlink())
