"""What a courier sees in a terminal."""

from __future__ import annotations

import io

import pytest

from common_apps.transfer.management.carry_display import bar, show_report
from common_apps.transfer.services.media_report import SyncReport, silent


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_bar_is_drawn_when_a_terminal_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    with bar(terminal) as progress:
        progress("take", 0, 100)
        progress("take", 100, 100)
        progress("write", 1, 2)
    assert "taking what has come" in terminal.getvalue()
    assert "writing and reading back" in terminal.getvalue()
    assert "100%" in terminal.getvalue()


def test_bar_is_silent_when_a_program_reads() -> None:
    file = io.StringIO()
    with bar(file) as progress:
        assert progress is silent
        progress("take", 1, 2)
    assert file.getvalue() == ""


def test_report_says_what_was_repaired_and_is_missing_when_there_is_such() -> None:
    report = SyncReport(
        stick="/media/stick",
        repaired=["a/b.part"],
        ignored=["x"],
        ignored_count=1,
        unanswered=3,
        not_exported=["no room"],
        safe_to_remove=True,
    )
    out = io.StringIO()
    show_report(out, report)
    said = out.getvalue()
    assert "1 file repaired, for a pulled stick had left them torn: a/b.part" in said
    assert "1 file ignored" in said
    assert "3 are still being worked on" in said
    assert "not exported: no room" in said
    assert said.endswith("/media/stick: safe to remove.\n")
