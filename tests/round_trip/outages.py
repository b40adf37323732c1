"""Killing and stopping what a site runs."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from devstack.home import Site
from devstack.processes import PidFile, wait_until


def kill(site: Site, name: str, signum: int = signal.SIGKILL) -> None:
    """Send `signum` to a process of the site and to its children, and wait until they have ended."""
    process = PidFile(site.run / f"{name}.pid").read()
    assert process is not None, f"{name} of the {site.name} site doesn't run"
    family = [process, *process.children(recursive=True)]
    for member in family if signum == signal.SIGKILL else [process]:
        os.kill(member.pid, signum)
    alive = psutil.wait_procs(family, timeout=30)[1]
    assert not alive, alive


@contextmanager
def down(site: Site, name: str) -> Iterator[None]:
    """A service of the site, stopped for as long as the block takes, then started again by its supervisor."""
    hold = site.run / f"{name}.hold"
    hold.touch()
    try:
        # PostgreSQL's fast shutdown; Valkey's ordinary one
        kill(site, name, signal.SIGINT)
        yield
    finally:
        hold.unlink()
    assert wait_until(lambda: PidFile(site.run / f"{name}.pid").read() is not None, timeout_s=30)
