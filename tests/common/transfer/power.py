"""What a power cut leaves of a folder: what was fsynced, and of the rest whatever the disk liked to keep."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path

Fsync = Callable[[int], None]


class PowerCut:
    """Of the trees under ``roots``. The process that is to lose its power calls ``fsync`` instead of os.fsync.

    A file keeps its bytes once it was fsynced, a name, or that it is gone, once its folder was; both are lost or kept
    by chance before. A journal keeps the order in which names went, so of a folder all come back or none. What lay
    there at the beginning is on the disk.
    """

    def __init__(self, roots: list[Path], notes: Path, chance: random.Random) -> None:
        self._roots = roots
        self._notes = notes
        self._chance = chance
        notes.unlink(missing_ok=True)
        self._bytes = {path: path.read_bytes() for path in self._files()}
        self._names = {folder: _listing(folder) for folder in self._folders()}
        # Open as long as this is there: the number of a file that has gone is not given to another.
        self._open = [path.open("rb") for path in self._bytes]
        self._whole = {os.fstat(file.fileno()).st_ino for file in self._open}

    def fsync(self, descriptor: int) -> None:
        """In the other process: notes what is on the disk from now on."""
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        note = (
            {"folder": str(path), "names": _listing(path)} if path.is_dir() else {"file": os.fstat(descriptor).st_ino}
        )
        with self._notes.open("a") as notes:
            notes.write(json.dumps(note) + "\n")

    def strike(self) -> list[str]:
        """Takes away, tears or brings back what was not on the disk; what it did."""
        for line in self._notes.read_text().splitlines() if self._notes.exists() else ():
            note = json.loads(line)
            if "file" in note:
                self._whole.add(note["file"])
            else:
                self._names[Path(note["folder"])] = note["names"]
        done = [*self._tear_files(), *self._lose_names(), *self._bring_back()]
        for file in self._open:
            file.close()
        return done

    def _tear_files(self) -> list[str]:
        torn = []
        for path in self._files():
            raw = path.read_bytes()
            if path.stat().st_ino in self._whole or not raw:
                continue
            kept = self._chance.randrange(len(raw))
            zeros = self._chance.choice([0, len(raw) - kept])
            path.write_bytes(raw[:kept] + bytes(zeros))
            torn.append(f"{path.name}: {kept} of {len(raw)} bytes, {zeros} zeros")
        return torn

    def _lose_names(self) -> list[str]:
        lost = []
        for path in self._files():
            inode = path.stat().st_ino
            if self._names.get(path.parent, {}).get(path.name) == inode or self._chance.random() < 0.5:
                continue
            before = self._durable_name(inode)
            lost.append(f"{path.name} is {before.name if before else 'gone'} again")
            if before is not None:
                path.rename(before)
            else:
                path.unlink()
        return lost

    def _bring_back(self) -> list[str]:
        there = {path.stat().st_ino for path in self._files()}
        back = []
        for folder, names in self._names.items():
            if self._chance.random() < 0.5:
                continue
            for name, inode in names.items():
                path = folder / name
                if path in self._bytes and inode not in there and not path.exists():
                    path.write_bytes(self._bytes[path])
                    back.append(f"{name} is there again")
        return back

    def _durable_name(self, inode: int) -> Path | None:
        found = (folder / name for folder, names in self._names.items() for name, of in names.items() if of == inode)
        return next((path for path in found if not path.exists()), None)

    def _files(self) -> list[Path]:
        return [path for root in self._roots for path in sorted(root.rglob("*")) if path.is_file()]

    def _folders(self) -> list[Path]:
        return [path for root in self._roots for path in [root, *sorted(root.rglob("*"))] if path.is_dir()]


def _listing(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in folder.iterdir() if path.is_file()}


def unsynced(descriptor: int) -> None:
    """For a process that is killed: what it has written is there, and an fsync would only take its time."""
