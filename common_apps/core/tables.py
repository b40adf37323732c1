"""Prints what a command found: a table for people, one JSON array for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec


class Output(Protocol):
    """Where a command prints: its own stdout, or a file."""

    def write(self, text: str, /) -> object:
        """Writes the text."""


def print_table(stdout: Output, rows: Sequence[Mapping[str, Any]], *, as_json: bool = False) -> None:
    """Rows that all have the same keys, in the order of the first one's; ``as_json`` prints one array alone."""
    if as_json:
        stdout.write(msgspec.json.encode(list(rows), enc_hook=str).decode() + "\n")
        return
    if not rows:
        return
    columns = list(rows[0])
    cells = [[_show(row[column]) for column in columns] for row in rows]
    widths = [max(len(column), *(len(row[place]) for row in cells)) for place, column in enumerate(columns)]
    for line in [columns, ["-" * width for width in widths], *cells]:
        stdout.write("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n")


def _show(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)
