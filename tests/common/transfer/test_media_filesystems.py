"""The carry on real FAT32 and exFAT: no links, no modes, times of 2 s, and fusefat tells no free space.

They come by FUSE (Debian: fusefat, exfat-fuse, dosfstools, exfatprogs), for not every kernel has them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.common.transfer.kit import Peer, RowsReceiver, RowsSender, log_line
from tests.common.transfer.sticks import Stick

pytestmark = pytest.mark.django_db(transaction=True)

MIB = 1024 * 1024
NEEDED = {"fat32": ("mkfs.vfat", "fusefat"), "exfat": ("mkfs.exfat", "mount.exfat-fuse", "losetup")}


def run(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class RealStick(Stick):
    """A file system in a file, mounted at ``path``."""

    kind: str
    image: Path
    loop: str | None = None

    def plug_in(self) -> None:
        """Mounts it."""
        if self.kind == "fat32":
            run("fusefat", "-o", "rw+", self.image, self.path)
            return
        self.loop = run("losetup", "-f", "--show", self.image)
        run("mount.exfat-fuse", self.loop, self.path)

    def pull_out(self) -> None:
        """Unmounts it."""
        run("umount", self.path)
        if self.loop:
            run("losetup", "-d", self.loop)


@pytest.fixture(params=["fat32", "exfat"])
def real_stick(request: pytest.FixtureRequest, tmp_path: Path, settings: Any, peer: Peer) -> Iterator[RealStick]:
    """A mounted file system of the kind."""
    absent = [name for name in NEEDED[request.param] if shutil.which(name) is None]
    if absent or os.geteuid() != 0 or not Path("/dev/fuse").exists():
        pytest.skip(f"{request.param} can't be tried: needs root, /dev/fuse and {', '.join(NEEDED[request.param])}")
    settings.MEDIA_ROOTS = (str(tmp_path / "media"),)
    stick = RealStick(tmp_path / "media" / request.param, peer)
    stick.kind, stick.image = request.param, tmp_path / "image"
    stick.path.mkdir(parents=True)
    with stick.image.open("wb") as file:
        file.truncate(40 * MIB if stick.kind == "fat32" else 8 * MIB)
    run(*(("mkfs.vfat", "-F", "32") if stick.kind == "fat32" else ("mkfs.exfat",)), stick.image)
    try:
        stick.plug_in()
    except subprocess.CalledProcessError as error:
        pytest.skip(f"{request.param} can't be mounted here: {error.stderr.strip()}")
    yield stick
    stick.pull_out()


def test_sync_carries_both_ways_when_the_stick_is_a_real_one(
    real_stick: RealStick,
    sender: RowsSender,
    receiver: RowsReceiver,
    peer: Peer,
    received: str,
    sent: str,
    settings: Any,
) -> None:
    settings.LOG_BUNDLE_RECORDS = 2
    rows = sender.add(5)
    assert real_stick.sync().exit_code == 0
    peer.write(received, [log_line(received)], directory=peer.inbox / "elsewhere")
    real_stick.theirs.mkdir(parents=True)
    for each in (peer.inbox / "elsewhere").iterdir():
        shutil.copyfile(each, real_stick.theirs / each.name)
    bundles = real_stick.bundles()
    with bundles[0].open("r+b") as file:
        file.truncate(100)
    report = real_stick.sync()
    assert (report.exit_code, report.safe_to_remove) == (0, True)
    assert len(report.repaired) == 1
    assert len(receiver.arrived()) == 1
    assert sorted(real_stick.records(sent)) == sorted(rows)
    assert real_stick.streams()["holdings"] == 1


def test_full_stick_is_told_and_repaired_when_it_is_a_real_one(
    real_stick: RealStick, sender: RowsSender, sent: str, settings: Any
) -> None:
    assert real_stick.sync().exit_code == 0
    film = real_stick.path / "film.mov"
    with film.open("wb", buffering=0) as file:
        for block in (MIB // 4, 512):
            try:
                while file.write(bytes(block)) == block:
                    pass
            except OSError:
                pass
    rows = sender.add(3)
    report = real_stick.sync()
    assert report.fault is not None
    assert (report.fault.code, report.exit_code, report.safe_to_remove) == ("stick_full", 2, False)
    film.unlink()
    report = real_stick.sync()
    assert (report.exit_code, report.safe_to_remove) == (0, True)
    assert sorted(real_stick.records(sent)) == sorted(rows)
