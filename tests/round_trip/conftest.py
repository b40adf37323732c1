"""Real processes of both sites. No Django here: everything is asked from outside, as people and programs do."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from devstack import stack
from devstack.api import login
from devstack.carry import carry
from devstack.home import ROOT, Home
from devstack.processes import wait_until
from devstack.valkey import free_port


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A temporary folder that PostgreSQL's account may pass through, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="airferry-test-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


@pytest.fixture(scope="session")
def home() -> Iterator[Home]:
    """Both sites, running, with the admin and the sample contracts; nothing has been carried yet.

    A first set-up is killed half-way: `start` must finish what it left, and `stop` must leave nothing running.
    """
    with tempfile.TemporaryDirectory(prefix="airferry-test-") as name:
        Path(name).chmod(0o711)
        sites = Home.at(Path(name), {"request": free_port(), "response": free_port()}, transient=True)
        kill_half_way(sites)
        stack.start(sites)
        try:
            yield sites
        finally:
            stack.stop(sites)
        assert left_running(name) == []


def kill_half_way(sites: Home) -> None:
    """`start`, killed with both supervisors while the response site is being set up."""
    environment = os.environ | {
        "AIRFERRY_HOME": str(sites.path),
        "REQUEST_PORT": str(sites.request.port),
        "RESPONSE_PORT": str(sites.response.port),
    }
    starting = subprocess.Popen([sys.executable, "-m", "devstack", "start"], cwd=ROOT, env=environment)
    assert wait_until(sites.response.env_file.exists, timeout_s=120)
    starting.kill()
    starting.wait()
    for site in sites.sites:
        supervisor = site.pid_file.read()
        if supervisor is not None:
            supervisor.kill()
    assert wait_until(lambda: not any(site.pid_file.read() for site in sites.sites), timeout_s=30)


def left_running(name: str) -> list[str]:
    """Command lines of the processes that work in the folder `name`."""
    lines = (" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"]))
    return [line for line in lines if name in line]


@pytest.fixture(scope="session")
def token(home: Home) -> str:
    """The admin's access token on the request site, which one carry made possible; not before: it is tried."""
    admin = home.admin()
    before = login(home.request.address, admin["username"], admin["password"])
    assert (before.status, before.body["code"]) == (401, "not_authenticated")
    carry(home, home.response)
    after = login(home.request.address, admin["username"], admin["password"])
    assert after.status == 200, after.body
    return str(after.body["access"])
