"""Where the state lives: AIRFERRY_HOME, and each site's part of it."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import psycopg

from devstack import namespaces
from devstack.environment import ROLE, SITES, without_ours
from devstack.errors import DevstackError
from devstack.processes import PidFile

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_PORTS = {"response": 8000, "request": 8001}
T = TypeVar("T")


@dataclass(frozen=True)
class Site:
    """One site's folder. What runs in it may sit behind a network namespace: then so do our commands."""

    name: str
    home: Path
    port: int
    isolated: bool = False

    @property
    def env_file(self) -> Path:
        return self.home / "site.env"

    @property
    def run(self) -> Path:
        """Pid files and marks of what has been done."""
        return self.home / "run"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid_file(self) -> PidFile:
        """The supervisor's."""
        return PidFile(self.run / "supervisor.pid")

    @property
    def environment(self) -> dict[str, str]:
        """For every process of the site; the rest is in `site.env`, which its settings read."""
        return without_ours(os.environ) | {
            "AIRFERRY_HOME": str(self.home.parent),
            "DJANGO_SETTINGS_MODULE": f"{self.name}_site.settings",
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(ROOT),
        }

    def values(self) -> dict[str, str]:
        """What `site.env` says."""
        pairs = (line.partition("=") for line in self.env_file.read_text().splitlines())
        return {name: value for name, sign, value in pairs if sign}

    def manage_command(self, *arguments: str) -> list[str]:
        """The command line of the site's manage script."""
        return [sys.executable, str(ROOT / f"manage_{self.name}.py"), *arguments]

    def begin(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command of the site, inside its namespace where it has one; `finish` waits for it."""
        return subprocess.Popen(
            self.manage_command(*arguments),
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=self._entering(),
        )

    def finish(self, process: "subprocess.Popen[str]", *, check: bool = True) -> str:
        """What the command printed. Raises DevstackError with it when `check` and its exit code isn't 0."""
        said = process.communicate()[0]
        if check and process.returncode != 0:
            command = " ".join(str(word) for word in list(process.args)[1:])  # type: ignore[arg-type]  # a list
            end = "\n".join(said.strip().splitlines()[-15:])
            raise DevstackError(f"{command} ended with {process.returncode}:\n{end}")
        return said

    def manage(self, *arguments: str, check: bool = True) -> str:
        """Run a command of the site and return what it printed. Raises as `finish`."""
        return self.finish(self.begin(*arguments), check=check)

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """`function(*arguments)` where the site's network is."""
        if not self.isolated:
            return function(*arguments)
        return namespaces.call_inside(self._supervisor_pid(), function, *arguments)

    def connect(self) -> psycopg.Connection:
        """A connection to the site's database as the site's own role."""
        url = urlsplit(self.values()["DATABASE_URL"])
        socket_dir, _, database = unquote(url.path[1:]).rpartition("/")
        return psycopg.connect(host=socket_dir, user=ROLE, password=unquote(url.password or ""), dbname=database)

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows of a statement, asked as the site's own role."""
        with self.connect() as connection:
            return connection.execute(statement.encode()).fetchall()

    def _entering(self) -> Callable[[], None] | None:
        return namespaces.entering(self._supervisor_pid()) if self.isolated else None

    def _supervisor_pid(self) -> int:
        process = self.pid_file.read()
        if process is None:
            raise DevstackError(f"The {self.name} site isn't running.")
        return int(process.pid)


@dataclass(frozen=True)
class Home:
    """Both sites and the stick between them. What runs in a `transient` one ends with the process that started it."""

    path: Path
    request: Site
    response: Site
    transient: bool = False

    @classmethod
    def at(cls, path: Path, ports: dict[str, int], *, isolated: bool = False, transient: bool = False) -> "Home":
        """The home at `path` with the sites on `ports`."""
        path = path.resolve()
        sites = {name: Site(name, path / name, ports[name], isolated) for name in SITES}
        return cls(path, **sites, transient=transient)

    @classmethod
    def from_environment(cls) -> "Home":
        """As AIRFERRY_HOME, REQUEST_PORT and RESPONSE_PORT say."""
        ports = {}
        for name, default in DEFAULT_PORTS.items():
            variable = f"{name.upper()}_PORT"
            value = os.environ.get(variable) or str(default)
            if not value.isdigit() or not 0 < int(value) < 65536:
                raise DevstackError(f"{variable}={value}: a port is a number from 1 to 65535.")
            ports[name] = int(value)
        if ports["request"] == ports["response"]:
            raise DevstackError(f"Both sites are to have port {ports['request']}: set REQUEST_PORT or RESPONSE_PORT.")
        return cls.at(Path(os.environ.get("AIRFERRY_HOME") or ROOT / ".airferry"), ports)

    @property
    def sites(self) -> tuple[Site, Site]:
        return (self.request, self.response)

    @property
    def media(self) -> Path:
        """Stands for the stick."""
        return self.path / "media"

    @property
    def admin_file(self) -> Path:
        """Name and password of the admin, 0600."""
        return self.path / "admin.json"

    def admin(self) -> dict[str, str]:
        """{username, password}, made when absent."""
        try:
            found: dict[str, str] = json.loads(self.admin_file.read_text())
        except FileNotFoundError:
            found = {"username": "admin", "password": secrets.token_urlsafe(15)}
            file = os.open(self.admin_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(file, "w") as writer:
                writer.write(json.dumps(found, indent=2) + "\n")
        return found

    def other(self, site: Site) -> Site:
        return self.response if site is self.request else self.request
