"""What keeps a stick from being used, each with its cure."""

from __future__ import annotations

import errno
from enum import StrEnum

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REFUSED = (errno.EACCES, errno.EPERM)


class StickCode(StrEnum):
    """Stable names, for the command, the page, the API and the tests."""

    NO_STICK = "no_stick"
    SEVERAL_STICKS = "several_sticks"
    OUTSIDE_ROOTS = "outside_media_roots"
    FULL = "stick_full"
    READ_ONLY = "stick_read_only"
    NOT_WRITABLE = "stick_not_writable"
    WRONG_PEER = "wrong_peer"
    GONE = "stick_gone"
    DEFECTIVE = "stick_defective"


CURES: dict[StickCode, str] = {
    StickCode.NO_STICK: (
        "Plug the stick in and see that it is mounted below one of MEDIA_ROOTS. To use a plain folder in its place, "
        "make a folder `airferry` in it."
    ),
    StickCode.SEVERAL_STICKS: "Name the one that is meant, or take the others out.",
    StickCode.OUTSIDE_ROOTS: "Name a path below one of MEDIA_ROOTS, or have the administrator add its folder there.",
    StickCode.FULL: "Remove what else is on the stick, or take a larger one; then run it again.",
    StickCode.READ_ONLY: (
        "Move the write protection switch of the stick, or mount it for writing. A stick that was pulled out may need "
        "to be checked (fsck) first."
    ),
    StickCode.NOT_WRITABLE: "Mount it so that the account of this site may write (for FAT: options uid= and gid=).",
    StickCode.WRONG_PEER: (
        "Take the stick that belongs to these two sites. If it is the right one (keys were replaced or restored), say "
        "so with --ours."
    ),
    StickCode.GONE: "Plug it in again and run it again: what was left half done is repaired.",
    StickCode.DEFECTIVE: "Don't trust this stick any more: take another one and run it again.",
}


class StickError(Exception):
    """``code``, what was met, and what to do (``cure``)."""

    def __init__(self, code: StickCode, detail: str) -> None:
        super().__init__(f"{detail} {CURES[code]}")
        self.code = code
        self.detail = detail

    @property
    def cure(self) -> str:
        """What to do."""
        return CURES[self.code]


def name_failure(error: OSError, what: str, *, tells_room: bool = True) -> StickError:
    """What the system says of a stick, in our words. ``tells_room`` is false for file systems that report no free
    space: these say EPERM when they are full.
    """
    said = error.strerror or str(error)
    if error.errno in _FULL or (error.errno == errno.EPERM and not tells_room):
        return StickError(StickCode.FULL, f"The stick is full: {what} does not fit.")
    if error.errno == errno.EROFS:
        return StickError(StickCode.READ_ONLY, "The stick is mounted read-only.")
    if error.errno in _REFUSED:
        return StickError(StickCode.NOT_WRITABLE, f"This site's account may not do that on the stick: {what}: {said}.")
    return StickError(StickCode.GONE, f"The stick does not answer any more, or was pulled: {what}: {said}.")
