"""Named places at which a test makes a process die, or its disk fail. In production nothing is armed, and a place costs
the look at an empty table.

A process is armed by AIRFERRY_FAILPOINTS when it starts, or by ``arm``: ``NAME=ACTION`` or ``NAME@K=ACTION`` (at the
K-th pass, else the first), several with commas between them. Each fires once. Actions:

    exit     the process ends at once, as if killed: nothing is flushed, no handler runs (status EXIT_STATUS)
    stop     the process stops (SIGSTOP), with all that it holds, until a test lets it go on or kills it
    crash    Crash is raised: no ``except Exception`` keeps it
    enospc   OSError: the disk is full
    eio      OSError: the disk is broken
"""

from __future__ import annotations

import errno
import os
import signal

VARIABLE = "AIRFERRY_FAILPOINTS"
EXIT_STATUS = 86
_ERRORS = {"enospc": errno.ENOSPC, "eio": errno.EIO}
ACTIONS = ("exit", "stop", "crash", *_ERRORS)

# Name -> the pass at which it fires, and what then happens.
_armed: dict[str, tuple[int, str]] = {}
_passed: dict[str, int] = {}


class Crash(BaseException):
    """The process is to be thought of as dead."""


def failpoint(name: str) -> None:
    """A place that a test may arm. Raises Crash or OSError, or doesn't return, where it is."""
    if _armed:
        _pass(name)


def arm(text: str) -> None:
    """Arms what ``text`` names, instead of whatever was armed before. Raises ValueError."""
    disarm()
    for each in filter(None, (part.strip() for part in text.split(","))):
        place, separator, action = each.partition("=")
        name, _, count = place.partition("@")
        if not separator or not name or action not in ACTIONS or not (count or "1").isdecimal() or count == "0":
            disarm()
            raise ValueError(f"{VARIABLE}: {each!r} is not NAME=ACTION or NAME@K=ACTION with one of {ACTIONS}")
        _armed[name] = (int(count or "1"), action)


def disarm() -> None:
    """Nothing is armed any more, and no pass counted."""
    _armed.clear()
    _passed.clear()


def armed() -> list[str]:
    """The names that have not fired yet."""
    return sorted(_armed)


def _pass(name: str) -> None:
    _passed[name] = _passed.get(name, 0) + 1
    when, action = _armed.get(name, (0, ""))
    if _passed[name] == when:
        del _armed[name]
        _fire(name, action)


def _fire(name: str, action: str) -> None:
    match action:
        case "exit":
            os._exit(EXIT_STATUS)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "crash":
            raise Crash(name)
        case _:
            raise OSError(_ERRORS[action], f"{os.strerror(_ERRORS[action])} (failpoint {name})")


arm(os.environ.get(VARIABLE, ""))
