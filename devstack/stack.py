"""Start and stop both sites: services, keys exchanged out of band, the admin, the sample contracts."""

import fcntl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil

from common_apps.transfer.keys import KeyFolder
from common_apps.transfer.keys.changes import export_public
from devstack.api import ready
from devstack.errors import DevstackError
from devstack.home import ROOT, Home, Site
from devstack.processes import die_with_parent, tail, wait_until
from devstack.valkey import require_free_port

_SET_UP_S = 120.0
_READY_S = 90.0
Tell = Callable[[str], None]


@contextmanager
def locked(home: Home) -> Iterator[None]:
    """One `start`, `stop` or `carry` of this home at a time."""
    home.path.mkdir(parents=True, exist_ok=True)
    with (home.path / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_running(home: Home) -> bool:
    """Whether both sites' supervisors run."""
    return all(site.pid_file.read() is not None for site in home.sites)


def start(home: Home, tell: Tell = print) -> None:
    """Both sites up, keys exchanged, the admin made and the sample indexed; returns when both are ready.

    What an earlier, interrupted start left is finished. When something fails, what was started is stopped again.
    Raises PortInUseError, NamespaceUnavailableError, DevstackError.
    """
    absent = [site for site in home.sites if site.pid_file.read() is None]
    if not home.request.isolated:
        for site in absent:
            require_free_port(site.port, f"{site.name.upper()}_PORT")
    try:
        for site in absent:
            _start_supervisor(home, site)
        for site in home.sites:
            _wait(site, (site.run / "prepared").exists, _SET_UP_S, "set up")
        exchange_keys(home)
        make_admin(home)
        load_sample(home, tell)
        for site in home.sites:
            _wait(site, partial(site.call, ready, site.address), _READY_S, "ready")
            (site.run / "ready").touch()
    except BaseException:
        stop(home)
        raise


def stop(home: Home) -> bool:
    """End what `start` started; False when nothing ran."""
    running = [process for site in home.sites if (process := site.pid_file.read()) is not None]
    for process in running:
        process.terminate()
    for process in running:
        # its processes have 15 s, PostgreSQL and Valkey 20 s each
        if not wait_until(partial(_has_ended, process), timeout_s=75):
            process.kill()  # the kernel then tells its children to end
    return bool(running)


def exchange_keys(home: Home) -> None:
    """Each site trusts the other's public keys, compared by fingerprint: done by two people who meet, in real life."""
    if all(_is_trusting(site) for site in home.sites):
        return
    folder = home.path / "public-keys"
    folder.mkdir(exist_ok=True)
    begun = []
    for site in home.sites:
        peer = KeyFolder(Path(home.other(site).values()["KEY_DIR"]))
        # what the other site's people read out, here from their own folder
        fingerprint = peer.public_keys().fingerprint
        begun.append(site.begin("keys", "trust", str(export_public(peer, folder)), "--fingerprint", fingerprint))
    for site, trust in zip(home.sites, begun, strict=True):
        site.finish(trust)
        (site.home / "peer-trusted").touch()


def make_admin(home: Home) -> None:
    """The one admin, on the response site; name and password are in `admin.json`."""
    admin = home.admin()
    if home.response.query("SELECT 1 FROM users WHERE role = 'admin' LIMIT 1"):
        return
    password = home.response.home / "admin-password"
    password.touch(mode=0o600)
    password.write_text(admin["password"])
    try:
        home.response.manage(
            "create_admin", "--username", admin["username"], "--email", "admin@airferry.invalid",
            "--password-file", str(password),
        )  # fmt: skip
    finally:
        password.unlink()


def load_sample(home: Home, tell: Tell) -> None:
    """The sample contracts, indexed once."""
    mark = home.response.home / "contracts-loaded"
    if not mark.exists():
        began = time.monotonic()
        home.response.manage("load_dataset", "contracts")
        tell(f"indexed the sample contracts in {time.monotonic() - began:.1f} s")
        mark.touch()


def _is_trusting(site: Site) -> bool:
    return (site.home / "peer-trusted").exists()


def _start_supervisor(home: Home, site: Site) -> None:
    for folder in (*(other.home for other in home.sites), site.run, site.logs, home.media):
        folder.mkdir(parents=True, exist_ok=True)
    home.path.chmod(0o711)  # for PostgreSQL's account, where it is another one
    for mark in ("prepared", "ready"):
        (site.run / mark).unlink(missing_ok=True)
    command = [sys.executable, "-m", "devstack.supervisor", site.name, str(home.path), str(site.port)]
    command += ["--isolated"] if site.isolated else []
    with (site.logs / "supervisor.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=site.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=die_with_parent() if home.transient else None,
        )
    # recorded at once, so that a failure stops it
    if process.poll() is None:
        site.pid_file.write(process.pid)


def _wait(site: Site, done: Callable[[], bool], timeout_s: float, what: str) -> None:
    if wait_until(lambda: done() or site.pid_file.read() is None, timeout_s=timeout_s, every_s=0.1) and done():
        return
    filled = [path for path in sorted(site.logs.glob("*.log")) if path.stat().st_size]
    logs = "\n".join(f"-- {path}\n{tail(path, 8)}" for path in filled)
    supervisor = tail(site.logs / "supervisor.log", 20)
    if site.pid_file.read() is None and supervisor:
        raise DevstackError(supervisor.removeprefix("devstack: "))
    raise DevstackError(f"The {site.name} site was not {what} within {timeout_s:.0f} s.\n{logs}")


def _has_ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
