"""`quarantine`: previewed, released, discarded and imported again from the shell."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from common_apps.audit.actors import SYSTEM
from common_apps.audit.models import AuditLog
from common_apps.transfer.bundle.limits import Limits
from common_apps.transfer.folders import site_folders
from common_apps.transfer.models import ImportBatch
from common_apps.transfer.services import scan_imports
from tests.common.transfer.kit import Peer, RowsReceiver, log_line


def _run(*arguments: Any) -> str:
    out = StringIO()
    call_command("quarantine", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def _json(*arguments: Any) -> dict[str, Any]:
    (row,) = json.loads(_run(*arguments, "--json"))
    return dict(row)


@pytest.fixture
def held(peer: Peer, receiver: RowsReceiver, received: str) -> str:
    peer.write(received, [log_line(received), log_line(received)])
    scan_imports(actor=SYSTEM, limits=Limits(log_records=1))
    return str(ImportBatch.objects.get().pk)


def _answer(monkeypatch: pytest.MonkeyPatch, reply: str | None) -> None:
    def ask(_: str) -> str:
        if reply is None:
            raise EOFError
        return reply

    monkeypatch.setattr("builtins.input", ask)


def test_preview_prints_checks_header_and_changes(held: str, receiver: RowsReceiver) -> None:
    text = _run("preview", held)
    assert "check: signature" in text and "applying: new" in text and "batch_id" in text
    told = _json("preview", ImportBatch.objects.get().checksum[:12])
    assert (told["record_count"], told["changes"][0]) == (2, {"what": "new", "count": 2, "names": []})
    assert receiver.arrived() == set()


def test_release_applies_when_it_is_confirmed(held: str, receiver: RowsReceiver) -> None:
    assert _json("release", held, "--yes")["outcome"] == "completed"
    assert len(receiver.arrived()) == 2
    with pytest.raises(CommandError, match="Nothing in quarantine"):
        _run("release", held, "--yes")


@pytest.mark.parametrize(("verb", "more"), [("release", []), ("discard", ["--reason", "no"])])
@pytest.mark.parametrize("reply", ["no", "", "yes", None])
def test_nothing_is_done_when_the_answer_is_another_word(
    held: str, receiver: RowsReceiver, monkeypatch: pytest.MonkeyPatch, verb: str, more: list[str], reply: str | None
) -> None:
    _answer(monkeypatch, reply)
    with pytest.raises(CommandError, match="Nothing was done"):
        _run(verb, held, *more)
    assert ImportBatch.objects.get().held_at is not None and receiver.arrived() == set()


def test_discard_is_done_when_the_verb_is_typed(held: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _answer(monkeypatch, "discard")
    with pytest.raises(CommandError, match="reason"):
        _run("discard", held)
    assert "discarded" in _run("discard", held, "--reason", "no")
    assert list(site_folders().quarantine.iterdir()) == []
    assert AuditLog.objects.get(action="bundle.discarded").metadata["reason"] == "no"


def test_import_again_exits_with_one_when_it_is_refused_again(
    peer: Peer, receiver: RowsReceiver, received: str, capsys: Any
) -> None:
    written = peer.write(received, [log_line(received)])
    written.path.write_bytes(written.path.read_bytes()[:-1])
    scan_imports(actor=SYSTEM, patient=False)
    row = str(ImportBatch.objects.get().pk)
    out = StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("quarantine", "import-again", row, "--yes", "--json", stdout=out)
    assert end.value.code == 1 and json.loads(out.getvalue())[0]["code"] == "truncated"
    with pytest.raises(CommandError, match="is not held"):
        _run("release", row, "--yes")
    assert _run("list").count("truncated") == 1
