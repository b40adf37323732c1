"""Backups of the site's database and keys: made, checked, put back."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from common_apps.audit.actors import SYSTEM
from common_apps.audit.models import AuditLog
from common_apps.audit.services import record, seal, verify
from common_apps.core.errors import DomainError
from common_apps.operations import registry
from common_apps.operations.models import Alert
from common_apps.operations.services import backups
from common_apps.transfer.keys import KeyFolder
from tests.common.transfer.kit import NOON

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def keys(tmp_path: Path, settings: Any) -> Iterator[KeyFolder]:
    settings.KEY_DIR = tmp_path / "keys"
    folder = KeyFolder(settings.KEY_DIR)
    folder.generate(site=settings.SITE, created_at=NOON)
    yield folder
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS left_over CASCADE")


def _back_up(tmp_path: Path) -> Path:
    folder = tmp_path / "backup"
    call_command("backup", str(folder), stdout=StringIO())
    return folder


def _restore(folder: Path, *more: str) -> str:
    out = StringIO()
    call_command("restore", str(folder), "--yes", *more, stdout=out)
    return out.getvalue()


def _actions() -> list[str]:
    return list(AuditLog.objects.order_by("id").values_list("action", flat=True))


def test_backup_is_for_its_owner_alone_and_holds_what_its_manifest_says(tmp_path: Path) -> None:
    folder = _back_up(tmp_path)
    modes = {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.rglob("*")]}
    assert {name for name, mode in modes.items() if mode & 0o077} == set()
    assert modes["keys"] == 0o700
    assert modes["keys/box/v1.json"] == 0o400
    manifest = json.loads((folder / "manifest.json").read_text())
    assert set(manifest["files"]) == {"database.dump", "keys/box/v1.json", "keys/signing/v1.json"}
    assert _actions()[-1] == "site.backed_up"


def test_restore_puts_rows_tables_and_sequences_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.restore_steps, "toys_found", lambda: 3)
    record(action="before", actor=SYSTEM)
    seal()
    folder = _back_up(tmp_path)
    record(action="after", actor=SYSTEM)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE left_over (id serial PRIMARY KEY)")
        cursor.execute("CREATE VIEW left_view AS SELECT id FROM left_over")
    said = _restore(folder)
    assert _actions() == ["before", "site.restored"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('left_over'), to_regclass('left_view')")
        assert cursor.fetchone() == (None, None)
        cursor.execute("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'audit_logs'::regclass AND NOT tgisinternal")
        assert cursor.fetchone()[0] > 0
    seal()
    assert verify() == (2, None)
    assert "toys_found: 3" in said
    alert = Alert.objects.get()
    assert (alert.code, alert.subject, alert.level) == ("site_rolled_back", settings.SITE, "critical")
    assert alert.facts["toys_found"] == 3
    assert AuditLog.objects.get(action="site.restored").metadata["steps"]["toys_found"] == 3


def test_restore_puts_keys_back_when_they_are_gone_or_when_it_is_asked_to(tmp_path: Path, keys: KeyFolder) -> None:
    first = keys.box_key().public_key.box_key
    folder = _back_up(tmp_path)
    shutil.rmtree(settings.KEY_DIR)
    assert "and the keys" in _restore(folder)
    assert keys.box_key().public_key.box_key == first
    shutil.rmtree(settings.KEY_DIR)
    keys.generate(site=settings.SITE, created_at=NOON)
    other = keys.box_key().public_key.box_key
    assert "and the keys" not in _restore(folder)
    assert keys.box_key().public_key.box_key == other
    assert "and the keys" in _restore(folder, "--keys")
    assert keys.box_key().public_key.box_key == first


def test_restore_changes_nothing_when_a_file_is_damaged_or_missing(tmp_path: Path) -> None:
    folder = _back_up(tmp_path)
    record(action="after", actor=SYSTEM)
    dump = folder / "database.dump"
    content = dump.read_bytes()
    dump.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(CommandError, match=r"database.dump is damaged"):
        _restore(folder)
    dump.unlink()
    with pytest.raises(CommandError, match="missing"):
        _restore(folder)
    (folder / "manifest.json").unlink()
    with pytest.raises(CommandError, match="no backup, or one that was broken off"):
        _restore(folder)
    assert _actions()[-1] == "after"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"site": "elsewhere"}, "backup of the elsewhere site"),
        ({"migrations": ["accounts.9999_from_the_future"]}, "newer release"),
        ({"files": {"../etc/passwd": {"size": 1, "sha256": ""}}}, "no file of a backup"),
        ({"files": {"keys/../../x": {"size": 1, "sha256": ""}}}, "no file of a backup"),
    ],
)
def test_restore_refuses_what_is_no_backup_of_this_site(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    folder = _back_up(tmp_path)
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | change))
    with pytest.raises(CommandError, match=message):
        _restore(folder)


def test_restore_leaves_all_as_it_was_when_the_dump_breaks_half_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _back_up(tmp_path)
    record(action="after", actor=SYSTEM)
    dump = folder / "database.dump"
    # Its last bytes alone pg_restore would not miss: only the manifest's checksum, which is switched off here, tells.
    dump.write_bytes(dump.read_bytes()[: dump.stat().st_size // 2])
    monkeypatch.setattr(backups, "check_backup", lambda folder: backups.Manifest(1, settings.SITE, "", [], {}))
    with pytest.raises(DomainError, match="pg_restore"):
        backups.restore_backup(folder=folder, actor=SYSTEM)
    assert _actions()[-1] == "after"


def test_restore_refuses_when_something_of_the_site_runs(tmp_path: Path) -> None:
    folder = _back_up(tmp_path)
    other = connection.copy()
    try:
        other.connect()
        with pytest.raises(CommandError, match=r"1 other connection\(s\)"):
            _restore(folder)
    finally:
        other.close()


def test_backup_refuses_a_folder_that_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(CommandError, match="not empty"):
        call_command("backup", str(tmp_path / "full"))


def test_restore_changes_nothing_when_it_is_not_confirmed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _back_up(tmp_path)
    monkeypatch.setattr("builtins.input", lambda _: "")
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("restore", str(folder), stdout=StringIO())
    assert _actions()[-1] == "site.backed_up"
