"""Finding the stick: which one is plugged in, below the roots that the settings allow."""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from common_apps.transfer.media.errors import StickCode, StickError, name_failure
from common_apps.transfer.media.folder import Folder, NotPlainError
from common_apps.transfer.media.layout import TOP

MOUNTS = Path("/proc/self/mountinfo")


@dataclass(frozen=True, slots=True)
class Room:
    """What a stick tells of its space, in bytes; ``free`` is None where it doesn't tell. ``block`` is its smallest
    part.
    """

    free: int | None
    block: int
    read_only: bool


@dataclass(frozen=True, slots=True)
class Stick:
    """An opened stick: its folder, and the path for people."""

    folder: Folder
    path: Path

    def room(self) -> Room:
        """What it tells now. Raises OSError."""
        told = os.fstatvfs(self.folder.descriptor)
        # Zero blocks in all: the file system doesn't tell.
        free = told.f_bavail * told.f_frsize if told.f_blocks else None
        return Room(free, max(told.f_frsize, 512), bool(told.f_flag & os.ST_RDONLY))

    def flush(self) -> None:
        """Everything of its file system is on the medium (syncfs). Raises OSError."""
        library = ctypes.CDLL(None, use_errno=True)
        if library.syncfs(self.folder.descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


def find_sticks(roots: Sequence[Path], below: Path | None = None) -> list[Path]:
    """Sticks at or below ``below``, or at or below any root: what is mounted there, else plain folders that hold
    ``airferry``.

    A path outside the roots raises StickError.
    """
    if below is not None:
        place_in(roots, below)
    places = list(map(_absolute, roots if below is None else (below,)))
    found: set[Path] = set()
    for place in places:
        mounts = _mounts()
        deeper = {each for each in mounts if place in each.parents}
        # What is mounted inside of a stick is on it, and no stick of its own.
        found |= {each for each in deeper if not any(parent in deeper for parent in each.parents)}
        if not deeper:
            found |= {place} if mounts.get(place) or _holds_top(place) else _plain_sticks(place)
    return sorted(found)


def _plain_sticks(place: Path) -> set[Path]:
    try:
        return {each for each in place.iterdir() if not each.is_symlink() and _holds_top(each)}
    except OSError:
        return set()


def _holds_top(folder: Path) -> bool:
    try:
        return stat.S_ISDIR((folder / TOP).lstat().st_mode)
    except OSError:
        return False


@contextmanager
def open_stick(roots: Sequence[Path], path: Path | None) -> Iterator[Stick]:
    """The one stick at or below ``path``, or at or below any root. Raises StickError no_stick, several_sticks,
    outside_media_roots.
    """
    if not roots:
        raise StickError(StickCode.OUTSIDE_ROOTS, "MEDIA_ROOTS is empty: no folder is allowed.")
    if path is not None:
        path = _absolute(path)
    sticks = find_sticks(roots, path)
    where = str(path) if path is not None else ", ".join(map(str, roots))
    if not sticks:
        raise StickError(StickCode.NO_STICK, f"No stick at {where}.")
    if len(sticks) > 1:
        raise StickError(StickCode.SEVERAL_STICKS, f"Several sticks: {', '.join(map(str, sticks))}.")
    root, names = place_in(roots, sticks[0])
    try:
        folder = Folder.open(root, *names)
    except NotPlainError as error:
        raise StickError(StickCode.OUTSIDE_ROOTS, f"{error.filename} is {error.strerror}.") from None
    except OSError as error:
        raise name_failure(error, str(sticks[0])) from error
    with folder:
        yield Stick(folder, sticks[0])


def place_in(roots: Sequence[Path], path: Path | str) -> tuple[Path, tuple[str, ...]]:
    """The root and the names from there to ``path``, by the words alone. Raises StickError outside_media_roots."""
    wanted = _absolute(path)
    for root in map(_absolute, roots):
        if wanted == root or root in wanted.parents:
            return root, wanted.relative_to(root).parts
    raise StickError(
        StickCode.OUTSIDE_ROOTS, f"{path} is not below an allowed folder ({', '.join(map(str, roots)) or 'none'})."
    )


def _absolute(path: Path | str) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links


def _mounts() -> dict[Path, bool]:
    """Where something is mounted, as this process sees it, and whether that is a whole file system.

    A root that is a part of another one (as a container is given the host's /media) is no stick by itself.
    """
    found = {}
    for line in MOUNTS.read_text(errors="surrogateescape").splitlines():
        part, name = line.split(" ")[3:5]
        for code, sign in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
            name = name.replace(code, sign)
        found[Path(name)] = part == "/"
    return found
