"""Child processes that end with their parent, and pid files that can't be taken for another process's."""

import ctypes
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

_PR_SET_PDEATHSIG = 1


def die_with_parent(signum: int = signal.SIGTERM) -> Callable[[], None]:
    """A `preexec_fn` that has the kernel send `signum` to the child when the thread that started it ends.

    It runs after the change of user, which would clear the setting (prctl(2)).
    """
    libc = ctypes.CDLL(None, use_errno=True)

    def set_death_signal() -> None:
        # a shell starts what it puts in the background with SIGINT ignored, which is inherited
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        libc.prctl(_PR_SET_PDEATHSIG, int(signum), 0, 0, 0)

    return set_death_signal


def end_process(process: subprocess.Popen[bytes], *, signum: int = signal.SIGTERM, wait_s: float = 20.0) -> None:
    """Ask `process` to end, and kill it when it hasn't within `wait_s` seconds."""
    if process.poll() is None:
        process.send_signal(signum)
        try:
            process.wait(wait_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def end_running(process: psutil.Process, *, wait_s: float = 20.0) -> None:
    """The same for a process that isn't our child."""
    process.terminate()
    try:
        process.wait(wait_s)
    except psutil.TimeoutExpired:
        process.kill()


@dataclass(frozen=True)
class PidFile:
    """The pid and start time of a process of ours: a pid alone may by now be somebody else's."""

    path: Path

    def write(self, pid: int) -> None:
        """Record the process `pid`, which must be running."""
        process = psutil.Process(pid)
        temporary = self.path.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps({"pid": process.pid, "started": process.create_time()}))
        temporary.replace(self.path)

    def read(self) -> psutil.Process | None:
        """The recorded process, or None when it has ended."""
        try:
            said = json.loads(self.path.read_text())
            process = psutil.Process(said["pid"])
            # boot time drifts by parts of a second with the clock; a pid isn't used again within one
            ours = abs(process.create_time() - said["started"]) < 1.0
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                return process
        except (FileNotFoundError, ValueError, KeyError, psutil.NoSuchProcess):
            pass
        return None

    def remove(self) -> None:
        """Forget the process."""
        self.path.unlink(missing_ok=True)


def wait_until(ready: Callable[[], bool], *, timeout_s: float, every_s: float = 0.05) -> bool:
    """Poll `ready` until it says True; False when `timeout_s` seconds have passed."""
    deadline = time.monotonic() + timeout_s
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(every_s)
    return True


def tail(path: Path, lines: int = 15) -> str:
    """The last lines of a log, or an empty text."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


def mark_private(path: Path) -> None:
    """Readable by its owner alone."""
    os.chmod(path, 0o700 if path.is_dir() else 0o600)  # noqa: PTH101 - one call for both kinds
