"""Two sites for the model: each a long-lived process, with a database of its own and folders in memory.

Backups are taken and put back past the sites, by the superuser, with COPY; a site that begins anew is one whose first
backup is put back.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from bench.cycle import Driver
from devstack.environment import ROLE, make_folders, new_secrets, without_ours
from devstack.home import ROOT
from devstack.postgres import Cluster, new_password
from devstack.processes import die_with_parent, end_process

PEER = {"request": "response", "response": "request"}
_FOLDERS = ("exports", "imports", "data")
_SHARED_MEMORY = Path("/dev/shm")
# What setup writes and nothing changes.
_CONSTANT = {"django_migrations", "django_content_type", "auth_permission"}


class CrashedError(Exception):
    """The site crashed at the failpoint that this names."""


class SiteEndedError(BaseException):
    """The site's process has ended: no run can go on."""


@dataclass(frozen=True)
class Backup:
    """A database as it was: each table's rows as COPY gave them, each sequence's last value; and the key folder."""

    tables: dict[str, bytes]
    sequences: dict[str, int | None]
    keys: Path


@dataclass
class ModelSite:
    """One site: what it can be told, and what lies behind it."""

    name: str
    home: Path
    driver: Driver
    database: psycopg.Connection
    tables: list[str] = field(default_factory=list)
    sequences: list[str] = field(default_factory=list)
    number_of_backups: int = 0

    @property
    def exports(self) -> Path:
        return self.home / "exports"

    @property
    def imports(self) -> Path:
        return self.home / "imports"

    @property
    def keys(self) -> Path:
        return self.home / "keys"

    def do(self, step: str, *, at: float, **arguments: Any) -> Any:
        """One step; what it gives. Raises CrashedError, AssertionError with the child's traceback."""
        try:
            answer = self.driver.do(step, at=at, **arguments)
        except (AssertionError, BrokenPipeError) as error:
            raise SiteEndedError(f"{error}\n{(self.home / 'log').read_text()[-6000:]}") from None
        if "crashed" in answer:
            raise CrashedError(answer["crashed"])
        if "error" in answer:
            raise AssertionError(f"the {self.name} site's `{step}`:\n{answer['error']}")
        return answer["said"]

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows of the site's database, asked past the site."""
        return self.database.execute(statement.encode()).fetchall()

    def back_up(self) -> Backup:
        """The database and the key folder as they are now."""
        tables = {}
        with self.database.transaction(), self.database.cursor() as cursor:
            for table in self.tables:
                with cursor.copy(f"COPY {table} TO STDOUT (FORMAT binary)".encode()) as copy:
                    tables[table] = b"".join(bytes(block) for block in copy)
            sequences = {}
            for name in self.sequences:
                cursor.execute(f"SELECT CASE WHEN is_called THEN last_value END FROM {name}".encode())
                sequences[name] = cursor.fetchone()[0]
        self.number_of_backups += 1
        keys = self.home / "backups" / str(self.number_of_backups)
        shutil.copytree(self.keys, keys)
        return Backup(tables, sequences, keys)

    def put_back(self, backup: Backup, *, database: bool = True, keys: bool = False) -> None:
        """Silently: nobody at the site is told."""
        if database:
            with self.database.transaction(), self.database.cursor() as cursor:
                for table in self.tables:
                    cursor.execute(f"DELETE FROM {table}".encode())
                    with cursor.copy(f"COPY {table} FROM STDIN (FORMAT binary)".encode()) as copy:
                        copy.write(backup.tables[table])
                for name, value in backup.sequences.items():
                    cursor.execute(b"SELECT setval(%s, coalesce(%s, 1), %s)", [name, value, value is not None])
        if keys:
            shutil.rmtree(self.keys)
            shutil.copytree(backup.keys, self.keys)

    def empty_folders(self) -> None:
        """Nothing was ever written or met."""
        for folder in _FOLDERS:
            shutil.rmtree(self.home / folder)
            (self.home / folder).mkdir()

    def begin_anew(self, first: Backup) -> None:
        """As if nothing had ever happened since that backup."""
        self.put_back(first, keys=True)
        self.empty_folders()
        for other in (self.home / "backups").iterdir():
            if other != first.keys:
                shutil.rmtree(other)

    def learn_tables(self) -> None:
        """Which tables and sequences a backup has to hold."""
        found = self.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        self.tables = [name for (name,) in found if name not in _CONSTANT]
        self.sequences = [name for (name,) in self.rows("SELECT sequencename FROM pg_sequences")]


@dataclass
class Sites:
    """Both, and the backups from which every run begins: before they met, and after."""

    request: ModelSite
    response: ModelSite
    stick: Path
    strangers: dict[str, Backup] = field(default_factory=dict)

    def both(self) -> tuple[ModelSite, ModelSite]:
        return (self.request, self.response)

    def __getitem__(self, name: str) -> ModelSite:
        return self.request if name == "request" else self.response


@contextmanager
def two_sites() -> Iterator[Sites]:
    """Both sites, set up, trusting each other; nothing has been carried."""
    parent = _SHARED_MEMORY if _SHARED_MEMORY.is_dir() else None
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="airferry-model-", dir=parent)))
        root.chmod(0o711)
        cluster = Cluster(root / "postgres", durable=False)
        stack.callback(cluster.stop)
        cluster.start()
        (root / "public").mkdir()
        (root / "stick").mkdir()
        sites = Sites(
            *(stack.enter_context(_site(cluster, name, root)) for name in ("request", "response")), root / "stick"
        )
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda site: site.do("set_up", at=START, public_to=str(root / "public")), sites.both()))
        sites.response.do("seed", at=START)
        for site in sites.both():
            site.do("trust", at=START, path=str(root / "public" / f"{PEER[site.name]}.pub.json"))
            site.learn_tables()
            sites.strangers[site.name] = site.back_up()
        yield sites


# The model's own calendar begins here, in seconds since 1970.
START = 1_790_000_000.0


@contextmanager
def _site(cluster: Cluster, name: str, root: Path) -> Iterator[ModelSite]:
    password = new_password()
    role = f"{ROLE}_{name}"
    cluster.ensure_role(role, password, database=role)
    home = root / name
    (home / "backups").mkdir(parents=True)
    environment = without_ours(os.environ) | {
        **new_secrets(),
        **make_folders(home),
        "DATABASE_URL": cluster.url(role, password, role),
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "CACHE_URL": "redis://127.0.0.1:1/1",
        "SEARCH_DIR": str(home / "search"),
        "MEDIA_ROOTS": str(root / "stick"),
        "LOG_LEVEL": "CRITICAL",
        "HTTPS_ONLY": "false",
        "ALLOWED_HOSTS": "localhost",
        "DJANGO_SETTINGS_MODULE": f"{name}_site.settings",
        "PYTHONPATH": str(ROOT),
        "AIRFERRY_HOME": str(root),
    }
    with (home / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.model.site_process"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            preexec_fn=die_with_parent(),
        )
    try:
        with psycopg.connect(cluster.superuser_dsn(role), autocommit=True) as database:
            # Neither triggers nor foreign keys stand in the way of a backup that is put back.
            database.execute("SET session_replication_role = replica")
            yield ModelSite(name, home, Driver(process, name), database)
    finally:
        assert process.stdin is not None
        with suppress(BrokenPipeError):
            process.stdin.close()
        end_process(process)  # type: ignore[arg-type]  # text or bytes, it is only ended
