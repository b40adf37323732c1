"""A real Elasticsearch for the tests: the build that Maven Central carries, on a free port of the loopback address.

`python -m devstack.elasticsearch run -- COMMAND...` runs COMMAND with ELASTICSEARCH_URL set and ends as it ends.
Needs Java 17 or newer and Maven, the first time also the network (92 MB).
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from devstack.errors import DevstackError
from devstack.postgres import open_path, server_account
from devstack.processes import die_with_parent, end_process, tail, wait_until
from devstack.valkey import HOST, free_port

VERSION = "8.19.3"
_ARTIFACT = f"org.elasticsearch.distribution.integ-test-zip:elasticsearch:{VERSION}:zip"
_HEAP = "-Xms512m -Xmx512m"
_START_SECONDS = 120


def cache_folder() -> Path:
    """Where the download is kept: under AIRFERRY_HOME when that is set, else under ~/.cache."""
    home = os.environ.get("AIRFERRY_HOME")
    return Path(home).resolve() / "cache" if home else Path.home() / ".cache" / "airferry"


def fetch() -> Path:
    """The distribution's zip file, brought by Maven when it isn't there yet."""
    folder = cache_folder()
    package = folder / f"elasticsearch-{VERSION}.zip"
    if package.is_file():
        return package
    folder.mkdir(parents=True, exist_ok=True)
    maven = shutil.which("mvn")
    if maven is None:
        raise DevstackError("Maven is not installed: it brings Elasticsearch (Debian: apt install maven).")
    print(f"  fetching Elasticsearch {VERSION} (92 MB) into {folder}", flush=True)
    with tempfile.TemporaryDirectory(dir=folder) as arriving:
        done = subprocess.run(
            [maven, "-q", "dependency:copy", f"-Dartifact={_ARTIFACT}", f"-DoutputDirectory={arriving}"],
            capture_output=True,
            text=True,
            check=False,
        )
        arrived = Path(arriving) / package.name
        if done.returncode or not zipfile.is_zipfile(arrived):
            raise DevstackError(f"Maven could not bring {_ARTIFACT}: {(done.stdout + done.stderr).strip()[-500:]}")
        # Under its final name only when whole: an interrupted download is never taken for one.
        arrived.replace(package)
    return package


@dataclass
class Elasticsearch:
    """A node with empty data in a folder of its own, which goes when it stops."""

    heap: str = _HEAP
    port: int | None = field(default=None, init=False)
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)
    _folder: Path | None = field(default=None, init=False)
    _home: Path | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """Where it answers; counts only while it runs."""
        return f"http://{HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process that answers, or None."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Unpack and start it, and return when it answers. Raises DevstackError."""
        if self._java() is None:
            raise DevstackError("Java is not installed (Debian: apt install openjdk-17-jre-headless).")
        package = fetch()
        self._folder = Path(tempfile.mkdtemp(prefix="airferry-elasticsearch-"))
        try:
            self._home = self._unpack(package)
            for _ in range(3):  # a free port may be taken by somebody else before the node has it
                if self._try(self._home, free_port()):
                    return
            raise DevstackError(f"Elasticsearch did not start. The end of its log:\n{tail(self._log)}")
        except BaseException:
            self.stop()
            raise

    def kill(self) -> None:
        """End it without warning; its data stay for `restart`."""
        if self._process is not None:
            # The whole group: bin/elasticsearch is a launcher, the node that answers is its child.
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
            wait_until(lambda: not self._listens(), timeout_s=10)

    def restart(self) -> None:
        """Start it again after `kill`, with the same data on the same port. Raises DevstackError."""
        if self._home is None or self.port is None or not self._try(self._home, self.port):
            raise DevstackError(f"Elasticsearch did not start again. The end of its log:\n{tail(self._log)}")

    def stop(self) -> None:
        """End it and remove its folder."""
        if self._process is not None:
            end_process(self._process)
            self._process = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def __enter__(self) -> "Elasticsearch":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def _log(self) -> Path:
        return (self._folder or Path()) / "log"

    def _java(self) -> Path | None:
        named = os.environ.get("ES_JAVA_HOME") or os.environ.get("JAVA_HOME")
        if named and (Path(named) / "bin" / "java").exists():
            return Path(named)
        found = shutil.which("java")
        return Path(found).resolve().parent.parent if found else None

    def _unpack(self, package: Path) -> Path:
        folder = self._folder
        if folder is None:
            raise DevstackError("Elasticsearch has no folder to be unpacked into.")
        with zipfile.ZipFile(package) as archive:
            archive.extractall(folder)
        home = next(path for path in folder.iterdir() if path.is_dir())
        for program in (home / "bin").iterdir():
            program.chmod(0o755)  # zipfile keeps no modes
        account = server_account()
        if account.pw_uid != os.geteuid():  # Elasticsearch refuses to run as root
            open_path(folder, account)
            for path in [folder, *folder.rglob("*")]:
                os.chown(path, account.pw_uid, account.pw_gid)
        return home

    def _try(self, home: Path, port: int) -> bool:
        account = server_account()
        settings = {
            "discovery.type": "single-node",
            "xpack.security.enabled": "false",
            "network.host": HOST,
            "http.port": str(port),
            # Also this one would be a fixed port, which a second node on the host could not have.
            "transport.port": str(free_port()),
            # A developer's disk may be nearly full; nothing here is worth protecting from that.
            "cluster.routing.allocation.disk.threshold_enabled": "false",
        }
        arguments = [argument for name, value in settings.items() for argument in ("-E", f"{name}={value}")]
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(home),
            "ES_JAVA_HOME": str(self._java()),
            "ES_JAVA_OPTS": self.heap,
            "ES_TMPDIR": str(home / "tmp"),
        }
        (home / "tmp").mkdir(exist_ok=True)
        identity = {}
        if account.pw_uid != os.geteuid():
            os.chown(home / "tmp", account.pw_uid, account.pw_gid)
            identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [str(home / "bin" / "elasticsearch"), *arguments],
                cwd=home,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(),
                **identity,  # type: ignore[call-overload] # three of Popen's own keywords, or none
            )
        self._process, self.port = process, port
        ended_or_ready = wait_until(
            lambda: process.poll() is not None or self._answers(), timeout_s=_START_SECONDS, every_s=0.25
        )
        if ended_or_ready and process.poll() is None:
            return True
        end_process(process)
        self._process = None
        return False

    def _listens(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex((HOST, self.port or 0)) == 0

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(  # noqa: S310 - our own http address
                f"{self.url}/_cluster/health?wait_for_status=yellow&timeout=1s", timeout=3
            ) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False


def main(arguments: list[str]) -> int:
    """`run -- COMMAND...`: COMMAND's exit code; 2 for wrong usage or when Elasticsearch can't be had."""
    if len(arguments) < 3 or arguments[:2] != ["run", "--"]:
        print("usage: python -m devstack.elasticsearch run -- COMMAND...", file=sys.stderr)
        return 2
    # Ended from outside, it still stops what it started and removes its folder.
    signal.signal(signal.SIGTERM, lambda signum, frame: sys.exit(128 + signum))
    try:
        with Elasticsearch() as node:
            environment = {**os.environ, "ELASTICSEARCH_URL": node.url}
            return subprocess.run(arguments[2:], env=environment, check=False).returncode
    except DevstackError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
