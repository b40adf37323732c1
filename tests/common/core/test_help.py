"""What `--help` says of our commands."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import pytest
from django.core.management import get_commands, load_command_class

OURS = sorted(
    name
    for name, app in get_commands().items()
    if app.partition(".")[0] in ("common_apps", "request_site", "response_site")
    and name not in ("changepassword", "createsuperuser")
)


def _parts(parser: argparse.ArgumentParser, name: str) -> Iterator[tuple[str, argparse.Action]]:
    """Every argument of the command and of its verbs, but for those that Django gives to all."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb, below in action.choices.items():
                yield from _parts(below, f"{name} {verb}")
            continue
        yield name, action


@pytest.mark.parametrize("name", OURS)
def test_help_says_what_it_does_and_what_every_argument_is(name: str) -> None:
    command = load_command_class(get_commands()[name], name)
    parser = command.create_parser("manage.py", name)
    assert (parser.description or "").rstrip().endswith((".", ")"))
    assert [f"{verb}: {action.dest}" for verb, action in _parts(parser, name) if not action.help] == []
    takes_something = any(not action.option_strings for _, action in _parts(parser, name)) or parser._subparsers
    assert not takes_something or f"For example: {name} " in (parser.epilog or "")
