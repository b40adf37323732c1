"""How a carry is shown in a terminal: a bar while it runs, a table at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from common_apps.core.tables import Output, print_table
from common_apps.transfer.services.media_report import Phase, SyncReport, silent
from common_apps.transfer.services.media_report import Progress as Watch

_WORDS: dict[Phase, str] = {
    "take": "taking what has come",
    "wait": "waiting for answers",
    "check": "reading what is there",
    "write": "writing and reading back",
}
_MOST_SHOWN = 20


@contextmanager
def bar(stream: TextIO) -> Iterator[Watch]:
    """Shows how far each phase is, where ``stream`` is a terminal; else nothing."""
    if not stream.isatty():
        yield silent
        return
    # It takes a while to import, and most carries are run by programs.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:<26}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(file=stream), transient=True) as progress:
        tasks: dict[Phase, TaskID] = {}

        def show(phase: Phase, done: int, total: int) -> None:
            if phase not in tasks:
                tasks[phase] = progress.add_task(_WORDS[phase], total=total)
            progress.update(tasks[phase], completed=done, total=total)

        yield show


def show_report(stdout: Output, report: SyncReport) -> None:
    """The tables of what came and what goes, then what has to be said."""
    print_table(stdout, [*_came(report), *_goes(report)])
    for line in _said(report):
        stdout.write(line + "\n")


def _came(report: SyncReport) -> list[dict[str, Any]]:
    return [
        _row("came", each.trip, each.outcome.file, each.outcome.record_count, each.outcome.outcome)
        | {"note": ": ".join(dict.fromkeys(filter(None, (each.outcome.code, each.outcome.detail))))}
        for each in report.taken
    ]


def _goes(report: SyncReport) -> list[dict[str, Any]]:
    return [
        _row("goes", each.trip, each.file, each.records, each.fate) | {"note": each.detail} for each in report.carried
    ]


def _row(way: str, trip: str | None, file: str, records: int, state: str) -> dict[str, Any]:
    return {"way": way, "trip": trip, "file": file, "records": records, "state": state}


def _said(report: SyncReport) -> Iterator[str]:
    for names, count, what in (
        (report.ignored, report.ignored_count, "ignored, for want of a bundle's name"),
        (report.repaired, len(report.repaired), "repaired, for a pulled stick had left them torn"),
    ):
        if count:
            shown = ", ".join(names[:_MOST_SHOWN]) + (" .." if count > _MOST_SHOWN else "")
            yield f"{count} {'file' if count == 1 else 'files'} {what}: {shown}"
    for error in report.not_exported:
        yield f"not exported: {error}"
    if report.unanswered:
        yield f"{report.unanswered} are still being worked on; what comes of them goes with the next trip."
    written = [each for each in report.carried if each.fate == "written"]
    stays = sum(each.stays for each in report.carried)
    size = sum(each.size for each in written)
    yield (
        f"{len(report.taken)} came; {len(written)} written and read back ({size / 1024:,.1f} KiB), "
        f"{sum(each.fate == 'there' for each in report.carried)} were there, {stays} stay here, "
        f"{report.removed} old ones removed, in {report.seconds:.1f} s."
    )
    if report.safe_to_remove:
        yield f"{report.stick}: safe to remove."
