"""Named places at which a test makes a process die: armed by nobody unless asked to, and each in the table."""

import ast
import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from common_apps.core import failpoints
from common_apps.core.failpoints import EXIT_STATUS, VARIABLE, Crash, arm, armed, disarm, failpoint
from common_apps.transfer.failpoints import POINTS

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def nothing_armed() -> Iterator[None]:
    disarm()
    yield
    disarm()


def run(code: str, armed_by: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    environment |= {} if armed_by is None else {VARIABLE: armed_by}
    code = f"from common_apps.core.failpoints import *\nfrom common_apps.core import failpoints\n{code}"
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)


def test_failpoint_does_nothing_when_none_is_armed() -> None:
    assert run("failpoint('here'); print(failpoints.armed())").stdout == "[]\n"
    failpoint("here")
    assert failpoints._passed == {}


def test_failpoint_does_nothing_when_another_is_armed() -> None:
    arm("there=crash")
    failpoint("here")
    assert armed() == ["there"]


@pytest.mark.parametrize(
    ("text", "passes"), [("here=crash", 1), ("here@1=crash", 1), ("here@3=crash", 3), (" there=eio, here@2=crash ,", 2)]
)
def test_failpoint_fires_at_the_named_pass_and_once_when_it_is_armed(text: str, passes: int) -> None:
    arm(text)
    for _ in range(passes - 1):
        failpoint("here")
    with pytest.raises(Crash, match="here"):
        failpoint("here")
    failpoint("here")
    assert "here" not in armed()


@pytest.mark.parametrize(("action", "number"), [("enospc", errno.ENOSPC), ("eio", errno.EIO)])
def test_failpoint_raises_the_disks_error_when_that_is_its_action(action: str, number: int) -> None:
    arm(f"here={action}")
    with pytest.raises(OSError, match="failpoint here") as caught:
        failpoint("here")
    assert caught.value.errno == number


def test_crash_passes_every_except_exception_when_it_is_raised() -> None:
    assert not issubclass(Crash, Exception)


def test_process_ends_without_cleaning_up_when_the_action_is_exit() -> None:
    code = "import atexit; atexit.register(print, 'flushed', flush=True)\ntry: failpoint('here')\nfinally: print('no')"
    ended = run(code, armed_by="here=exit")
    assert (ended.returncode, ended.stdout) == (EXIT_STATUS, "")


def test_process_stops_until_it_is_told_to_go_on_when_the_action_is_stop() -> None:
    child = os.fork()
    if child == 0:
        arm("here=stop")
        failpoint("here")
        os._exit(7)
    assert os.WIFSTOPPED(os.waitpid(child, os.WUNTRACED)[1])
    os.kill(child, signal.SIGCONT)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


@pytest.mark.parametrize("text", ["here", "=exit", "here=", "here=explode", "here@0=exit", "here@x=exit", "@2=exit"])
def test_arming_is_refused_when_the_text_is_no_list_of_failpoints(text: str) -> None:
    with pytest.raises(ValueError, match=VARIABLE):
        arm(f"fine=crash,{text}")
    assert armed() == [], "half a list is armed"
    assert run("", armed_by=text).returncode == 1


def test_table_names_every_failpoint_of_the_sources_when_they_are_read() -> None:
    assert called() == POINTS.keys()
    assert all(POINTS.values())


def called() -> set[str]:
    """The names in all calls ``failpoint("...")``; a name that is no literal could not be found, and is a fault."""
    names = set()
    for part in ("common_apps", "request_site", "response_site"):
        for path in (ROOT / part).rglob("*.py"):
            text = path.read_text()
            for node in ast.walk(ast.parse(text)) if "failpoint(" in text else ():
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "failpoint":
                    (name,) = node.args
                    assert isinstance(name, ast.Constant), f"{path}:{node.lineno}"
                    names.add(name.value)
    return names
