"""Prints docs/settings.md from the table of variables; with --check says whether the page is in step."""

from __future__ import annotations

import sys

from common_apps.conf.environment import ROOT
from common_apps.conf.variables import VARIABLES, Required

PAGE = ROOT / "docs" / "settings.md"
HEAD = """# Settings

Every variable that a site reads from its environment, or from the file that `AIRFERRY_ENV_FILE` names (else
`$AIRFERRY_HOME/<site>/site.env`). A secret may be given as `NAME_FILE`, the path of a file that holds it.
This page is printed by `python -m common_apps.conf.table`; `make check` holds it in step.

| variable | default | sites | meaning |
| --- | --- | --- | --- |
"""


def render() -> str:
    """The whole page."""
    rows = []
    for variable in VARIABLES:
        if variable.default is Required:
            default = "required"
        elif variable.default in ("", None, ()):
            default = "-"
        elif isinstance(variable.default, bool):
            default = "true" if variable.default else "false"
        elif isinstance(variable.default, tuple):
            default = "`" + ",".join(variable.default) + "`"
        else:
            default = f"`{variable.default}`"
        name = f"`{variable.name}`" + (" (secret)" if variable.kind == "secret" else "")
        rows.append(f"| {name} | {default} | {', '.join(variable.sites)} | {variable.help} |")
    return HEAD + "\n".join(rows) + "\n"


def main(arguments: list[str]) -> int:
    """Writes the page; with --check compares it and returns 1 when it is out of step."""
    if "--check" not in arguments:
        PAGE.write_text(render())
        return 0
    if PAGE.is_file() and PAGE.read_text() == render():
        return 0
    sys.stderr.write("docs/settings.md is out of step: run python -m common_apps.conf.table\n")
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
