"""A folder on a stick, held by its descriptor: every name is opened below it (openat), and no link is followed."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Some file systems in user space can't sync a directory; their files are synced all the same.
_NO_SYNC = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EBADF)


class NotPlainError(OSError):
    """A name that is no plain file with one link, or no folder: it is not opened."""


class Folder:
    """An open folder. Names are single components; ``shown`` is its path for people. Methods raise OSError."""

    def __init__(self, descriptor: int, shown: Path) -> None:
        self.descriptor = descriptor
        self.shown = shown

    @classmethod
    def open(cls, root: Path, *names: str) -> Folder:
        """``root`` itself may be reached by links (it is named in the settings); from there on none is followed."""
        return cls.open_from(os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), root, *names)

    @classmethod
    def open_below(cls, folder: Folder, *names: str) -> Folder:
        """The folder some names further down; ``folder`` stays open."""
        return cls.open_from(os.dup(folder.descriptor), folder.shown, *names)

    @classmethod
    def open_from(cls, descriptor: int, shown: Path, *names: str) -> Folder:
        """The same from a descriptor, which this takes."""
        folder = cls(descriptor, shown)
        for name in names:
            with folder:
                inner = folder.folder(name)
            folder = inner
        return folder

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of it: a stick in use can't be taken out."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def is_writable(self) -> bool:
        """Whether this process may make names here; what the medium then says is another matter."""
        return os.access(".", os.W_OK | os.X_OK, dir_fd=self.descriptor, effective_ids=True)

    def entries(self) -> Iterator[str]:
        """Names in no order; bytes that are no UTF-8 come as surrogates."""
        with os.scandir(self.descriptor) as found:
            for entry in found:
                yield entry.name

    def folder(self, name: str) -> Folder:
        """The folder of this name. Raises NotPlainError for a link or a file."""
        try:
            return Folder(os.open(name, _DIRECTORY, dir_fd=self.descriptor), self.shown / name)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                raise NotPlainError(error.errno, "not a folder", str(self.shown / name)) from None
            raise

    def make_folder(self, name: str) -> Folder:
        """The folder of this name, made when it is absent."""
        try:
            os.mkdir(name, 0o755, dir_fd=self.descriptor)
        except FileExistsError:
            pass
        else:
            self.sync()
        return self.folder(name)

    def read(self, name: str) -> int:
        """A descriptor of the plain file. Raises NotPlainError for anything else; nothing of it is opened for long."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            descriptor = os.open(name, flags, dir_fd=self.descriptor)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO, errno.ENODEV):
                raise NotPlainError(error.errno, "not a plain file", str(self.shown / name)) from None
            raise
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1:
            os.close(descriptor)
            raise NotPlainError(errno.EINVAL, "not a plain file with one link", str(self.shown / name))
        return descriptor

    def create(self, name: str) -> int:
        """A descriptor for writing; whatever had the name before is removed first. Encrypted: anybody may read it."""
        self.remove(name)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(name, flags, 0o644, dir_fd=self.descriptor)

    def facts(self, name: str) -> os.stat_result | None:
        """Of the name itself, never of what it points to; None where there is none."""
        try:
            return os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def rename(self, name: str, to: str) -> None:
        """Within this folder. What has the name is removed first: not every FAT driver replaces."""
        self.remove(to)
        os.rename(name, to, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)

    def remove(self, name: str) -> bool:
        """Whether there was such a name; a link itself goes, not what it points to."""
        try:
            os.unlink(name, dir_fd=self.descriptor)
        except FileNotFoundError:
            return False
        return True

    def remove_folder(self, name: str) -> bool:
        """Removes it if it is empty; whether it went. One that stays is no harm."""
        try:
            # Not every driver says ENOTEMPTY: fusefat says EPERM, and may leave a folder behind that can't be removed
            # when the stick is full while it is made.
            with self.folder(name) as inner:
                if next(inner.entries(), None) is not None:
                    return False
            os.rmdir(name, dir_fd=self.descriptor)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EPERM):
                return False
            raise
        return True

    def sync(self) -> None:
        """Names that were made or removed are durable."""
        try:
            os.fsync(self.descriptor)
        except OSError as error:
            if error.errno not in _NO_SYNC:
                raise
