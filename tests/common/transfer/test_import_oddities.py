"""A drop folder with 100,000 entries, among them whatever a file system can hold: bounded, nothing followed."""

from __future__ import annotations

import os
import socket
import stat
from collections import Counter
from pathlib import Path
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from common_apps.audit.actors import SYSTEM
from common_apps.core.ids import new_id
from common_apps.transfer.bundle.names import bundle_name, sidecar_name
from common_apps.transfer.models import ImportBatch
from common_apps.transfer.services import scan_imports
from common_apps.transfer.services.looking import Found
from tests.common.transfer.kit import NOON, Peer, RowsReceiver, log_line

ENTRIES = 100_000
BARE = 3_000
CEILING = 128 * 1024 * 1024
HELL = [
    b"new\nline",
    b"tab\tand\rreturn",
    b"not \xff\xfe utf-8",
    b"x" * 255,
    "\u202egnp.exe \u0627\u0628".encode(),
    b"\x01\x02\x1b[31mred\x1b[0m",
    b"-rf",
    b" ",
    b"$(reboot)",
    b"%s%n",
    b"'; DROP TABLE requests; --",
    b"requests_20261123_120000_x.jsonl.enc\n",
    b".hidden",
    b"..enc",
]


def _name(stream: str) -> str:
    return bundle_name(stream, NOON, new_id())


def _resident(field: str) -> int:
    """Bytes, of this process: VmRSS now, VmHWM at the most since the peak was forgotten."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field)]
    return int(line.split()[1]) * 1024


def _fill(folder: Path, stream: str, good: Path) -> int:
    """Everything that must not be followed, opened or believed; how many of it are named as bundles."""
    folder_fd = os.open(folder, os.O_RDONLY)
    for raw in HELL:
        os.close(os.open(raw, os.O_CREAT | os.O_WRONLY, dir_fd=folder_fd))
    odd = [folder / _name(stream) for _ in range(40)]
    for number, path in enumerate(odd):
        match number % 8:
            case 0:
                path.symlink_to(good)
            case 1:
                path.symlink_to("/dev/zero")
            case 2:
                path.symlink_to(path)
            case 3:
                path.symlink_to("/nowhere")
            case 4:
                os.mkfifo(path)
            case 5:
                path.mkdir()
            case 6:
                # Its name is longer than a socket's may be.
                with socket.socket(socket.AF_UNIX) as opened:
                    opened.bind(f"/proc/self/fd/{folder_fd}/s{number}")
                (folder / f"s{number}").rename(path)
            case 7:
                if os.geteuid() == 0:
                    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))
                else:
                    os.mkfifo(path)
        if number >= 32:
            # A sidecar makes nothing of it a file.
            path.with_name(sidecar_name(path.name)).write_bytes(b"{}")
    one, other = folder / _name(stream), folder / _name(stream)
    one.write_bytes(b"x")
    os.link(one, other)
    for _ in range(BARE):
        os.close(os.open(_name(stream), os.O_CREAT | os.O_WRONLY, dir_fd=folder_fd))
    for number in range(ENTRIES - sum(1 for _ in folder.iterdir())):
        os.close(os.open(f"{number:06d}.tmp", os.O_CREAT | os.O_WRONLY, dir_fd=folder_fd))
    os.close(folder_fd)
    return len(odd) + 2


def test_scan_stays_small_and_imports_the_good_when_the_folder_holds_100_000_odd_entries(
    peer: Peer, receiver: RowsReceiver, received: str, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    good = peer.write(received, [log_line(received)], directory=elsewhere)
    records: set[UUID] = {new_id(), new_id(), new_id()}
    for each in records:
        peer.write(received, [log_line(received, each)])
    folder = peer.inbox / received
    sparse = folder / _name(received)
    with sparse.open("wb") as hole:
        hole.truncate(1 << 40)
    sparse.with_name(sidecar_name(sparse.name)).write_bytes(b"{}")
    odd = _fill(folder, received, good.path)

    Path("/proc/self/clear_refs").write_text("5")
    idle = _resident("VmRSS")
    outcomes = scan_imports(actor=SYSTEM)
    assert _resident("VmHWM") - idle < CEILING

    assert receiver.arrived() == records
    told = Counter((each.outcome, each.code) for each in outcomes)
    assert told["completed", None] == len(records)
    assert told["quarantined", "not_regular"] == odd
    assert told["waiting_sidecar", "waiting_sidecar"] == BARE
    # It may still be growing: nobody reads a tebibyte of nothing.
    assert told["waiting_data", "waiting_data"] == 1
    assert told["ignored", None] == 1001
    assert len(outcomes) == sum(told.values()) == 3 + odd + BARE + 1 + 1001
    assert ImportBatch.objects.count() == 3 + odd + BARE + 1
    assert good.path.exists()

    with CaptureQueriesContext(connection) as queries:
        again = Counter((each.outcome, each.code) for each in scan_imports(actor=SYSTEM))
    told.pop(("completed", None))
    assert again == told
    assert len(queries) < 100
    assert ImportBatch.objects.count() == 3 + odd + BARE + 1
    assert set(ImportBatch.objects.filter(code="not_regular").values_list("met_count", flat=True)) == {2}


@pytest.mark.parametrize("count", [999, 1000, 1001])
def test_ignored_names_are_listed_one_by_one_up_to_a_thousand(count: int) -> None:
    found = Found()
    for number in range(count):
        found.ignore(f"{number}.tmp")
    told = [each.file for each in found.outcomes()]
    assert told[0] == "0.tmp"
    assert told[-1] == ("... and 1 more" if count > 1000 else f"{count - 1}.tmp")
