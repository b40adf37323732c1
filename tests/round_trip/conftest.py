"""Real processes of both sites. No Django here: everything is asked from outside, as people and programs do."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack import stack
from devstack.api import login
from devstack.carry import carry
from devstack.home import Home
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
    """Both sites, running, with the admin and the sample contracts; nothing has been carried yet."""
    with tempfile.TemporaryDirectory(prefix="airferry-test-") as name:
        Path(name).chmod(0o711)
        sites = Home.at(Path(name), {"request": free_port(), "response": free_port()})
        stack.start(sites)
        try:
            yield sites
        finally:
            stack.stop(sites)


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
