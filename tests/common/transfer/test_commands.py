"""The commands' tables, exit codes and plain errors."""

from __future__ import annotations

import json
import os
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import connection

from common_apps.audit.models import AuditLog
from common_apps.transfer.keys import KeyFolder
from common_apps.transfer.keys.changes import export_public
from tests.common.transfer.kit import NOON, Peer, RowsReceiver, RowsSender, log_line


def _run(*arguments: Any) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def _json(*arguments: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(_run(*arguments, "--json"))
    return rows


def test_export_bundles_prints_a_row_a_bundle_and_nothing_when_nothing_waits(sender: RowsSender, sent: str) -> None:
    sender.add(2)
    (row,) = _json("export_bundles", sent)
    assert (row["stream"], row["outcome"], row["records"], row["seq"]) == (sent, "written", 2, 1)
    assert _json("export_bundles", sent) == []
    assert _run("export_bundles", sent) == "Nothing to export.\n"
    assert _run("export_bundles").splitlines()[-1].startswith("holdings")


def test_export_bundles_says_what_to_do_when_it_can_not(folders: Path, db: None, settings: Any) -> None:
    with pytest.raises(CommandError, match=r"keys export-public.*keys trust"):
        KeyFolder(settings.KEY_DIR).generate(site=settings.SITE, created_at=NOON)
        _run("export_bundles")
    with pytest.raises(CommandError, match="does not send 'nonsense'; it sends"):
        _run("export_bundles", "nonsense")


def test_import_bundles_prints_outcomes_and_exits_with_one_when_something_is_refused(
    peer: Peer, receiver: RowsReceiver, received: str, capsys: Any
) -> None:
    good = peer.write(received, [log_line(received)])
    (row,) = _json("import_bundles")
    assert (row["file"], row["outcome"], row["code"]) == (good.filename, "completed", None)
    assert _run("import_bundles") == "Nothing to import.\n"
    bad = peer.write(received, [log_line(received)])
    bad.path.write_bytes(bad.path.read_bytes()[:-1])
    out = StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("import_bundles", str(bad.path), "--json", stdout=out)
    assert end.value.code == 1
    assert [(each["outcome"], each["code"]) for each in json.loads(out.getvalue())] == [("quarantined", "truncated")]
    with pytest.raises(CommandError, match="There is no file"):
        _run("import_bundles", "/nowhere/at/all")


def test_quarantine_lists_and_shows_reason_and_cure(peer: Peer, receiver: RowsReceiver, received: str) -> None:
    assert _run("quarantine", "list") == "The quarantine is empty.\n"
    bad = peer.write(received, [log_line(received)])
    bad.path.write_bytes(bad.path.read_bytes()[:-1])
    with pytest.raises(SystemExit):
        _run("import_bundles", str(bad.path))
    (row,) = _json("quarantine", "list")
    assert (row["code"], row["held"]) == ("truncated", False)
    assert row["cure"] and row["meaning"]
    assert _json("quarantine", "show", row["id"]) == [row]
    assert row["checksum"] in _run("quarantine", "show", row["checksum"][:12])
    with pytest.raises(CommandError, match="Nothing in quarantine"):
        _run("quarantine", "show", "12345678")


def test_inspect_bundle_tells_header_verdict_and_records(
    peer: Peer, receiver: RowsReceiver, received: str, capsys: Any
) -> None:
    line = log_line(received)
    written = peer.write(received, [line])
    (row,) = _json("inspect_bundle", str(written.path), "--records")
    assert (row["verdict"], row["header"]["batch_id"]) == ("sound", str(written.batch_id))
    assert row["records"] == [json.loads(line)]
    assert "sound" in _run("inspect_bundle", str(written.path))
    written.path.write_bytes(written.path.read_bytes()[:-1])
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("inspect_bundle", str(written.path), "--json", stdout=out)
    assert json.loads(out.getvalue())[0]["verdict"] == "truncated"
    with pytest.raises(CommandError, match="No such file"):
        _run("inspect_bundle", "/nowhere/at/all")
    assert receiver.arrived() == set()


def test_keys_are_generated_told_and_trusted(folders: Path, db: None, settings: Any, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="keys generate"):
        _run("keys", "fingerprint")
    first = _run("keys", "generate")
    assert _run("keys", "fingerprint") == first
    with pytest.raises(CommandError, match="already"):
        _run("keys", "generate")
    stick = tmp_path / "stick"
    stick.mkdir()
    assert f"{settings.SITE}.pub.json" in _run("keys", "export-public", str(stick))
    there = KeyFolder(tmp_path / "there")
    public = there.generate(site=settings.PEER, created_at=NOON)
    export_public(there, stick)
    file = str(stick / f"{settings.PEER}.pub.json")
    with pytest.raises(CommandError, match="nothing was trusted"):
        _run("keys", "trust", file, "--fingerprint", "0" * 64)
    assert "is trusted." in _run("keys", "trust", file, "--fingerprint", public.fingerprint)
    assert "is trusted already." in _run("keys", "trust", file, "--fingerprint", public.fingerprint)
    assert {(each["site"], each["use"]) for each in _json("keys", "list")} == {
        (site, use) for site in ("request", "response") for use in ("signing", "box")
    }
    assert set(AuditLog.objects.values_list("action", flat=True)) == {"keys.generated", "keys.exported", "keys.trusted"}
    with pytest.raises(CommandError, match="Bring the other site's"):
        _run("keys", "trust", str(stick / f"{settings.SITE}.pub.json"), "--fingerprint", first.split()[5])


@pytest.mark.parametrize(("answer", "trusted"), [("yes", True), ("no", False), (None, False)])
def test_keys_trust_asks_when_no_fingerprint_is_given(
    folders: Path, db: None, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Any, trusted: bool
) -> None:
    _run("keys", "generate")
    there = KeyFolder(tmp_path / "there")
    there.generate(site=settings.PEER, created_at=NOON)
    file = export_public(there, tmp_path)

    def reply(_: str) -> str:
        if answer is None:
            raise EOFError
        return str(answer)

    monkeypatch.setattr("builtins.input", reply)
    if trusted:
        _run("keys", "trust", str(file))
    else:
        with pytest.raises(CommandError):
            _run("keys", "trust", str(file))
    assert (settings.PEER in KeyFolder(settings.KEY_DIR).peers()) is trusted


def _codes() -> set[str | None]:
    return {each.id for each in run_checks(tags=["transfer"])}


def test_checks_name_what_transfer_lacks(folders: Path, settings: Any) -> None:
    assert _codes() == {"transfer.W001"}
    KeyFolder(settings.KEY_DIR).generate(site=settings.SITE, created_at=NOON)
    assert _codes() == {"transfer.W002"}
    (Path(settings.KEY_DIR) / "box" / "v1.json").chmod(0o444)
    assert _codes() == {"transfer.E001"}
    Path(settings.EXPORT_DIR).rmdir()
    assert _codes() == {"transfer.E001", "transfer.W003"}


def test_checks_are_silent_when_all_is_there(peer: Peer) -> None:
    assert _codes() == set()


@pytest.mark.parametrize(
    ("name", "value"), [("LOG_BUNDLE_RECORDS", 0), ("LOG_BUNDLE_MIB", 16), ("STATE_BUNDLE_MIB", -1)]
)
def test_checks_refuse_a_limit_that_no_line_would_fit(peer: Peer, settings: Any, name: str, value: int) -> None:
    setattr(settings, name, value)
    assert _codes() == {"transfer.E002"}


@pytest.mark.parametrize("arguments", [("export_bundles",), ("import_bundles",), ("quarantine", "list")])
def test_commands_say_what_to_do_when_the_database_was_never_set_up(
    peer: Peer, transactional_db: None, arguments: tuple[str, ...]
) -> None:
    with connection.cursor() as cursor:
        for table in ("export_batches", "import_batches", "transfer_days"):
            cursor.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
    try:
        with pytest.raises(CommandError, match="run the command setup"):
            _run(*arguments)
    finally:
        with connection.cursor() as cursor:
            for table in ("export_batches", "import_batches", "transfer_days"):
                cursor.execute(f"ALTER TABLE {table}_away RENAME TO {table}")


def test_inspect_bundle_tells_what_is_wrong_when_the_file_lies_in_quarantine(
    peer: Peer, receiver: RowsReceiver, received: str, settings: Any, tmp_path: Path
) -> None:
    written = peer.write(received, [log_line(received)])
    stored = written.path.rename(tmp_path / f"{written.checksum}.enc")
    assert _json("inspect_bundle", str(stored))[0]["verdict"] == "sound"
    odd = stored.rename(tmp_path / "od\udcffd")
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("inspect_bundle", str(odd), "--json", stdout=out)
    (row,) = json.loads(out.getvalue())
    assert (row["file"], row["verdict"]) == ("od\\udcffd", "name_not_allowed")
    file = Path(settings.KEY_DIR) / "box" / "v1.json"
    content = json.loads(file.read_text())
    file.unlink()
    file.write_text(json.dumps(content | {"status": "retired"}))
    file.chmod(0o400)
    odd.rename(stored)
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("inspect_bundle", str(stored), "--json", stdout=out)
    assert json.loads(out.getvalue())[0]["verdict"] == "unknown_key"


def test_commands_name_file_and_cure_when_the_account_may_not_read_the_keys(
    peer: Peer, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def refuse(path: Any, *others: Any, **named: Any) -> int:
        if Path(path).name == "v1.json":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *others, **named)

    monkeypatch.setattr(os, "open", refuse)
    for command in ("export_bundles", "import_bundles"):
        with pytest.raises(CommandError, match=r"v1\.json can't be read by this account.*account that owns KEY_DIR"):
            _run(command)
    assert _codes() == {"transfer.E001"}
