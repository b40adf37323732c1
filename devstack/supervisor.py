"""One site's services and processes, kept running: `python -m devstack.supervisor SITE HOME PORT [--isolated]`.

Started in the background by devstack.stack. It brings PostgreSQL and Valkey up, writes `site.env`, runs `setup`,
then starts the site's processes, and starts again what has ended: systemd's part on a production host. SIGTERM ends
it all. While `run/NAME.hold` is there, NAME is left down.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

from devstack import namespaces
from devstack.environment import ROLE, make_folders, new_secrets, service_urls
from devstack.errors import DevstackError
from devstack.home import ROOT, Home, Site
from devstack.postgres import Cluster, new_password
from devstack.processes import PidFile, die_with_parent, end_process, tail
from devstack.valkey import Valkey

_QUEUES = {"request": "transfer,default", "response": "transfer,queries,default"}
_QUICK_S = 5.0  # a process that ends sooner has failed to start
_QUICK_MAX = 3


def worker_count() -> int:
    """Drains side by side: WORKER_COUNT, else one a core, between 2 and 8."""
    return int(os.environ.get("WORKER_COUNT") or max(2, min(8, os.cpu_count() or 2)))


def process_commands(site: Site) -> dict[str, list[str]]:
    """The site's processes by name. The request site has no beat: its watcher's sweeps do what is due."""
    python = [sys.executable, "-m"]
    celery = [*python, "celery", "-A", f"{site.name}_site.celery:app"]
    web = [*python, "gunicorn", f"{site.name}_site.wsgi:application", "--bind", f"127.0.0.1:{site.port}"]
    web += ["--workers", "2", "--threads", "4", "--preload", "--access-logfile", str(site.logs / "access.log")]
    web += ["--no-control-socket"]  # it would lie in the home folder, one for both sites
    worker = [*celery, "worker", "-Q", _QUEUES[site.name], "--concurrency", str(worker_count())]
    worker += ["--hostname", f"{site.name}@%h", "--loglevel", "INFO", "--without-gossip", "--without-mingle"]
    commands = {"web": web, "worker": worker, "watcher": site.manage_command("run_watcher")}
    if site.name == "response":
        scheduler = "django_celery_beat.schedulers:DatabaseScheduler"
        commands["beat"] = [*celery, "beat", "--scheduler", scheduler, "--pidfile=", "--loglevel", "INFO"]
    return commands


@dataclass
class Child:
    """A process of the site."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    quick_ends: int = 0


@dataclass
class Supervisor:
    """What one site runs."""

    site: Site
    cluster: Cluster = field(init=False)
    valkey: Valkey = field(init=False)
    children: list[Child] = field(default_factory=list)
    ending: bool = False

    def __post_init__(self) -> None:
        known = self.site.values() if self.site.env_file.exists() else {}
        self.secrets = new_secrets() | {name: known[name] for name in new_secrets() if name in known}
        self.cluster = Cluster(self.site.home / "postgres")
        port = None
        password = new_password()
        if "REDIS_URL" in known:
            password, _, address = known["REDIS_URL"].removeprefix("redis://:").partition("@")
            port = int(address.split(":")[1].split("/")[0])
        if port is not None and namespaces.reaches(port):
            port = None  # taken meanwhile
        self.valkey = Valkey(self.site.home / "valkey", password, port)

    def run(self) -> None:
        """Start everything, keep it running, and end it all when told to."""
        try:
            self._start_services()
            self._set_up()
            self.children = [Child(name, command) for name, command in process_commands(self.site).items()]
            while not self.ending:
                self._keep_running()
                time.sleep(0.2)
        finally:
            self._end()

    def _start_services(self) -> None:
        folders = make_folders(self.site.home)
        password = new_password()
        self.cluster.start()
        self.cluster.ensure_role(ROLE, password, database=f"airferry_{self.site.name}")
        self.valkey.start()
        self._note("postgres", self.cluster.process)
        self._note("valkey", self.valkey.process)
        media = self.site.home.parent / "media"
        media.mkdir(exist_ok=True)
        values = {
            **self.secrets,
            **service_urls(self.cluster, self.valkey, password=password, database=f"airferry_{self.site.name}"),
            **folders,
            "MEDIA_ROOTS": str(media),
            "ALLOWED_HOSTS": "localhost,127.0.0.1",
            "HTTPS_ONLY": "false",  # plain HTTP on the loopback address
            "WORKER_COUNT": str(worker_count()),
            "LOG_LEVEL": os.environ.get("LOG_LEVEL") or "INFO",
        }
        for name in ("SEARCH_ENGINE", "ELASTICSEARCH_URL"):
            if os.environ.get(name):
                values[name] = os.environ[name]
        file = os.open(self.site.env_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(file, "w") as writer:
            writer.write("".join(f"{name}={value}\n" for name, value in values.items()))

    def _set_up(self) -> None:
        log = self.site.logs / "setup.log"
        with log.open("ab") as output:
            process = self._spawn(self.site.manage_command("setup"), output)
            while process.poll() is None:
                if self.ending:
                    end_process(process)
                    return
                time.sleep(0.1)
        if process.returncode != 0:
            raise DevstackError(f"manage_{self.site.name}.py setup failed. The end of {log}:\n{tail(log)}")
        (self.site.run / "prepared").touch()

    def _keep_running(self) -> None:
        for name, service in (("postgres", self.cluster), ("valkey", self.valkey)):
            ended = service.process is None or service.process.poll() is not None
            if ended and not self._held(name):
                print(f"{name} has ended: started again", flush=True)
                service.start()
                self._note(name, service.process)
        for child in self.children:
            if child.process is not None and child.process.poll() is None:
                continue
            lived = time.monotonic() - child.started
            if child.process is not None:
                print(f"{child.name} ended with {child.process.returncode} after {lived:.1f} s", flush=True)
                child.quick_ends = child.quick_ends + 1 if lived < _QUICK_S else 0
                child.process = None
                if child.quick_ends == _QUICK_MAX and not (self.site.run / "ready").exists():
                    log = self.site.logs / f"{child.name}.log"
                    raise DevstackError(f"{child.name} does not start. The end of {log}:\n{tail(log)}")
            pause = min(30.0, 2.0**child.quick_ends) if child.quick_ends else 0.0
            if not self._held(child.name) and (lived > pause or not child.started):
                with (self.site.logs / f"{child.name}.log").open("ab") as output:
                    child.process = self._spawn(child.command, output)
                child.started = time.monotonic()
                self._note(child.name, child.process)

    def _spawn(self, command: list[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.site.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent(),
        )

    def _held(self, name: str) -> bool:
        return (self.site.run / f"{name}.hold").exists()

    def _note(self, name: str, process: subprocess.Popen[bytes] | None) -> None:
        if process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                PidFile(self.site.run / f"{name}.pid").write(process.pid)

    def _end(self) -> None:
        running = [child.process for child in self.children if child.process is not None]
        for process in running:
            if process.poll() is None:
                process.terminate()
        for process in running:
            end_process(process, wait_s=15)
        self.valkey.stop()
        self.cluster.stop()
        for file in [*self.site.run.glob("*.pid"), *self.site.run.glob("*.hold")]:
            file.unlink(missing_ok=True)
        for mark in ("prepared", "ready"):
            (self.site.run / mark).unlink(missing_ok=True)


def main(arguments: list[str]) -> int:
    """Run one site until SIGTERM; 1 with the reason on standard error when it can't be run."""
    name, path, port, *flags = arguments
    isolated = "--isolated" in flags
    home = Home.at(Path(path), {"request": int(port), "response": int(port)}, isolated=isolated)
    site = home.request if name == "request" else home.response
    for folder in (site.home, site.run, site.logs):
        folder.mkdir(parents=True, exist_ok=True)
    for mark in ("prepared", "ready"):
        (site.run / mark).unlink(missing_ok=True)
    try:
        if isolated:
            namespaces.isolate(home.other(site).home)
        supervisor = Supervisor(site)

        def end(signum: int, frame: object) -> None:
            supervisor.ending = True

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        site.pid_file.write(os.getpid())
        supervisor.run()
    except DevstackError as error:
        print(f"devstack: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
