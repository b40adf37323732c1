"""Which stick is meant, and the distinct errors of those that can't be used."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from common_apps.audit.actors import SYSTEM
from common_apps.transfer.keys import KeyFolder
from common_apps.transfer.media.errors import CURES, StickCode, StickError
from common_apps.transfer.models import Carry, ExportBatch
from common_apps.transfer.selectors import bundles_to_carry
from common_apps.transfer.services.media import media_status, sync_media
from tests.common.transfer.kit import NOON, Peer, RowsSender, log_line
from tests.common.transfer.sticks import Stick

pytestmark = pytest.mark.django_db(transaction=True)

Mount = Callable[..., Path]


@pytest.fixture
def mount(tmp_path: Path, settings: Any, peer: Peer) -> Iterator[Mount]:
    """Mounts file systems in memory below an allowed folder; skips where that may not be done."""
    settings.MEDIA_ROOTS = (str(tmp_path / "media"),)
    done: list[Path] = []

    def mounted(name: str, options: str = "size=8m") -> Path:
        folder = tmp_path / "media" / name
        folder.mkdir(parents=True)
        ran = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], capture_output=True, text=True)
        if ran.returncode != 0:
            pytest.skip(f"nothing can be mounted here: {ran.stderr.strip()}")
        done.append(folder)
        return folder

    yield mounted
    for folder in done:
        subprocess.run(["umount", folder], check=True)


def refused(path: Path | None, **options: Any) -> StickCode:
    with pytest.raises(StickError) as caught:
        sync_media(path=path, actor=SYSTEM, **options)
    assert caught.value.cure in str(caught.value)
    assert not ExportBatch.objects.exists()
    return caught.value.code


def test_every_code_has_a_cure_when_it_is_met() -> None:
    assert set(CURES) == set(StickCode)


def test_sync_finds_the_stick_when_one_is_mounted(mount: Mount, tmp_path: Path) -> None:
    folder = mount("one stick")
    assert sync_media(path=None, actor=SYSTEM).stick == str(folder)
    assert sync_media(path=tmp_path / "media", actor=SYSTEM).stick == str(folder)
    assert sync_media(path=folder, actor=SYSTEM).stick == str(folder)


def test_sync_is_refused_when_several_sticks_are_mounted(mount: Mount, tmp_path: Path) -> None:
    first = mount("first")
    mount("second")
    assert refused(None) == "several_sticks"
    assert refused(tmp_path / "media") == "several_sticks"
    assert sync_media(path=first, actor=SYSTEM).exit_code == 0


def test_sync_is_refused_when_nothing_is_mounted(peer: Peer, tmp_path: Path, settings: Any) -> None:
    (tmp_path / "media" / "stick").mkdir(parents=True)
    settings.MEDIA_ROOTS = (str(tmp_path / "media"),)
    assert refused(None) == "no_stick"
    assert refused(tmp_path / "media" / "stick") == "no_stick"
    assert refused(tmp_path / "media" / "none") == "no_stick"
    assert {carry.report["fault"]["code"] for carry in Carry.objects.all()} == {"no_stick"}


def test_sync_is_refused_when_the_path_is_outside_of_the_roots(stick: Stick, tmp_path: Path, settings: Any) -> None:
    outside = tmp_path / "outside"
    (outside / "airferry").mkdir(parents=True)
    (stick.path.parent / "link").symlink_to(outside)
    assert refused(outside) == "outside_media_roots"
    assert refused(stick.path / ".." / ".." / "outside") == "outside_media_roots"
    assert refused(stick.path.parent / "link") == "outside_media_roots"
    settings.MEDIA_ROOTS = ()
    assert refused(stick.path) == "outside_media_roots"
    assert list((outside / "airferry").iterdir()) == []


def test_nothing_is_written_outside_when_the_folders_on_the_stick_are_links(stick: Stick, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    stick.own.symlink_to(outside)
    report = stick.sync()
    assert report.fault is not None
    assert list(outside.iterdir()) == []


def test_sync_is_refused_when_the_stick_is_read_only(mount: Mount) -> None:
    folder = mount("stick")
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    assert refused(folder) == "stick_read_only"


def test_sync_is_refused_when_a_part_of_a_disk_is_mounted_read_only(mount: Mount, tmp_path: Path) -> None:
    folder, source = mount("stick"), tmp_path / "source"
    (source / "airferry").mkdir(parents=True)
    subprocess.run(["umount", folder], check=True)
    subprocess.run(["mount", "--bind", source, folder], check=True)
    subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
    assert refused(folder) == "stick_read_only"


def test_sync_is_refused_when_the_account_may_not_write(stick: Stick, monkeypatch: pytest.MonkeyPatch) -> None:
    # The tests may run as root, who may write anywhere.
    monkeypatch.setattr("common_apps.transfer.media.folder.os.access", lambda *args, **named: False)
    assert refused(stick.path) == "stick_not_writable"


def test_sync_is_refused_when_the_stick_belongs_to_other_sites(
    stick: Stick, peer: Peer, received: str, tmp_path: Path
) -> None:
    strange = KeyFolder(tmp_path / "strange")
    strange.generate(site=peer.site, created_at=NOON)
    written = peer.write(received, [log_line(received)], directory=stick.theirs, signing=strange.signing_key())
    assert refused(stick.path) == "wrong_peer"
    assert stick.files() == []
    report = stick.sync(ours=True)
    assert [each.outcome.code for each in report.taken] == ["bad_signature"]
    # Now that there is something of ours on it, nobody has to say so again.
    assert stick.sync().fault is None
    written.path.unlink()


def test_sync_is_not_refused_when_all_that_lies_there_is_torn(stick: Stick, peer: Peer, received: str) -> None:
    written = peer.write(received, [log_line(received)], directory=stick.theirs)
    flipped = bytearray(written.path.read_bytes())
    flipped[-130] ^= 1
    written.path.write_bytes(flipped)
    assert [each.outcome.code for each in stick.sync().taken] == ["bad_hash"]


def test_small_stick_takes_holdings_then_the_oldest_when_it_has_no_room_for_all(
    mount: Mount, peer: Peer, sender: RowsSender, sent: str, settings: Any
) -> None:
    settings.LOG_BUNDLE_RECORDS = 5
    folder = mount("small", "size=96k")
    sender.add(60)
    stick = Stick(folder, peer)
    report = stick.sync()
    fates = [each.fate for each in report.carried if each.stream == sent]
    took = fates.count("written")
    assert fates == ["written"] * took + ["left"] * (len(fates) - took)
    assert 0 < took < len(fates)
    assert (report.carried[0].stream, report.carried[0].fate) == ("holdings", "written")
    assert (report.exit_code, report.safe_to_remove) == (1, True)
    left = {each.batch_id for each in report.carried if each.stays}
    assert {batch.trip for batch in bundles_to_carry() if batch.id in left} == {None}
    assert len(stick.bundles()) == len(report.carried) - len(left)


def test_full_stick_makes_room_when_old_bundles_need_not_go_any_more(
    mount: Mount, peer: Peer, sender: RowsSender, sent: str, settings: Any
) -> None:
    settings.LOG_BUNDLE_RECORDS = 1
    folder = mount("small", "size=200k")
    stick = Stick(folder, peer)
    sender.add(10)
    assert stick.sync().exit_code == 0
    ExportBatch.objects.filter(batch_type=sent).update(superseded_at=NOON)
    fill(folder)
    rows = sender.add(4)
    report = stick.sync()
    assert (report.exit_code, report.fault) == (0, None)
    assert sorted(stick.records(sent)) == sorted(rows)


def test_sync_says_full_when_not_even_the_holdings_fit(mount: Mount, peer: Peer) -> None:
    folder = mount("full", "size=64k")
    fill(folder)
    report = sync_media(path=folder, actor=SYSTEM)
    assert {each.fate for each in report.carried} <= {"left"}
    assert report.fault is not None
    assert (report.fault.code, report.exit_code, report.safe_to_remove) == ("stick_full", 2, False)


def fill(folder: Path) -> None:
    """Leaves no room on it."""
    with (folder / "holiday.mov").open("wb", buffering=0) as film:
        while True:
            try:
                film.write(bytes(4096))
            except OSError:
                return


def test_status_changes_nothing_when_it_looks(stick: Stick, peer: Peer, sender: RowsSender, received: str) -> None:
    sender.add(1)
    stick.sync()
    peer.write(received, [log_line(received)], directory=stick.theirs)
    peer.write(received, [log_line(received)], directory=stick.theirs, sidecar=False)
    (stick.files()[0].parent / f"{stick.files()[0].name}.part").write_bytes(b"half")
    before = sorted(stick.path.rglob("*"))
    told = media_status(path=stick.path)
    assert (told.to_take, told.incomplete, told.torn, told.known) == (1, 1, 1, 0)
    assert told.there == told.to_go == len(bundles_to_carry())
    assert sorted(stick.path.rglob("*")) == before


def test_command_prints_the_table_and_its_exit_code_when_it_is_typed(
    stick: Stick, peer: Peer, sender: RowsSender, received: str
) -> None:
    sender.add(1)
    peer.write(received, [log_line(received)], directory=stick.theirs, sidecar=False)
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("media", "sync", str(stick.path), stdout=out)
    assert ended.value.code == 1
    assert "waiting_sidecar" in out.getvalue()
    assert out.getvalue().rstrip().endswith("safe to remove.")
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("media", "sync", "--json", stdout=out)
    assert json.loads(out.getvalue())["safe_to_remove"] is True
    out = io.StringIO()
    call_command("media", "status", "--json", stdout=out)
    assert json.loads(out.getvalue())["incomplete"] == 1
    with pytest.raises(CommandError) as refused:
        call_command("media", "sync", "/etc")
    assert refused.value.returncode == 2
    assert "outside_media_roots" in str(refused.value)
