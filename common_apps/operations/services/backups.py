"""Backups: the database and the key folder, made and put back.

A backup needs no word to the other site: what both know crosses again by ordinary trips (docs/operations.md).
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import msgspec
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from common_apps.audit.actors import Actor
from common_apps.audit.services import record
from common_apps.core import clock
from common_apps.core.clock import to_wire
from common_apps.core.errors import DomainError
from common_apps.operations.registry import restore_steps
from common_apps.operations.services.postgres_tools import dump_database, find_tools, load_database
from common_apps.transfer.bundle.durability import replace_atomically, sync_directory, write_new
from common_apps.transfer.services.alarms import tell_rolled_back

DUMP = "database.dump"
KEYS = "keys"
MANIFEST = "manifest.json"
_KEY_MODE = 0o400
_FORMAT = 1


class FileEntry(msgspec.Struct, forbid_unknown_fields=True):
    """A file of the backup."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, forbid_unknown_fields=True):
    """What a backup holds. Written last: its presence means that the backup is whole."""

    format: int
    site: str
    created_at: str
    migrations: list[str]
    files: dict[str, FileEntry]


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back: the backup's time, whether its keys too, and what the apps did of their rows, by step."""

    created_at: str
    keys: bool
    steps: dict[str, int]


def make_backup(*, folder: Path, actor: Actor) -> Manifest:
    """Writes database and keys to ``folder``, which is made, 0700, files for its owner alone.

    The keys come last: one that the database speaks of is then among them. Raises DomainError conflict where the
    folder is there and not empty, service_unavailable where PostgreSQL's programs fail; OSError.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DomainError("conflict", f"{folder} is not empty: name a folder that is not there yet.")
    tools = find_tools()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    dump_database(tools, folder / DUMP)
    names = [DUMP]
    for source in _key_files(Path(settings.KEY_DIR)):
        name = f"{KEYS}/{source.relative_to(settings.KEY_DIR)}"
        for parent in (folder / KEYS, (folder / name).parent):
            parent.mkdir(mode=0o700, exist_ok=True)
        write_new(folder / name, source.read_bytes(), _KEY_MODE)
        sync_directory((folder / name).parent)
        names.append(name)
    manifest = Manifest(
        format=_FORMAT,
        site=settings.SITE,
        created_at=to_wire(clock.now()),
        migrations=sorted(".".join(each) for each in MigrationRecorder(connection).applied_migrations()),
        files={name: _measure(folder / name) for name in names},
    )
    write_new(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)) + b"\n", 0o600)
    sync_directory(folder)
    record(action="site.backed_up", actor=actor, resource_type="site", resource_id=settings.SITE)
    return manifest


def check_backup(folder: Path) -> Manifest:
    """Reads the manifest and every file. Raises DomainError validation_failed with what is wrong; OSError."""
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise _bad(f"{folder} holds no {MANIFEST}: it is no backup, or one that was broken off.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _bad(f"{folder / MANIFEST} can't be read: {error}.") from error
    if manifest.format != _FORMAT or manifest.site != settings.SITE:
        raise _bad(f"{folder} is a backup of the {manifest.site} site (format {manifest.format}); this is another.")
    unknown = set(manifest.migrations) - {".".join(each) for each in MigrationLoader(None).disk_migrations or ()}
    if unknown:
        raise _bad(f"{folder} is of a newer release (it has {sorted(unknown)[0]}): install that release first.")
    for name, entry in manifest.files.items():
        # No name of a manifest leads out of the folder.
        if (name != DUMP and Path(name).parts[:1] != (KEYS,)) or ".." in Path(name).parts:
            raise _bad(f"{folder / MANIFEST} names {name!r}, which is no file of a backup.")
        try:
            measured = _measure(folder / name)
        except FileNotFoundError:
            raise _bad(f"{folder / name} is missing: take another backup.") from None
        if measured != entry:
            raise _bad(f"{folder / name} is damaged: take another backup.")
    if DUMP not in manifest.files:
        raise _bad(f"{folder} holds no database.")
    return manifest


def other_sessions() -> int:
    """How many other connections there are to the database: what runs of the site, or somebody's console."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])


def restore_backup(*, folder: Path, actor: Actor, keys: bool = False) -> Restored:
    """Puts the backup in ``folder`` in the place of the site's database, all of it or nothing, then does what has to
    be done after that (``settle_restored``). The key folder is put back where it has no keys, or when ``keys`` says so:
    its files are replaced, others stay, so that a key made since can still decrypt.

    Raises DomainError conflict while the site runs, validation_failed for a backup that is not sound; OSError.
    """
    manifest = check_backup(folder)
    running = other_sessions()
    if running:
        raise DomainError(
            "conflict",
            f"{running} other connection(s) use the database: stop this site's processes (and PgBouncer) first.",
        )
    load_database(find_tools(), folder / DUMP)
    connection.close()
    # An older backup lacks what releases since have added.
    call_command("migrate", interactive=False, verbosity=0)
    with_keys = keys or not _key_files(Path(settings.KEY_DIR))
    if with_keys:
        _put_back_keys(folder, manifest)
    return Restored(
        created_at=manifest.created_at,
        keys=with_keys,
        steps=settle_restored(created_at=manifest.created_at, actor=actor),
    )


def settle_restored(*, created_at: str, actor: Actor) -> dict[str, int]:
    """After a backup of that time was put back by whatever means: every app's step, the audit, and the alert; how many
    rows each step changed. Again is no harm.
    """
    with transaction.atomic():
        done = {name: step() for name, step in restore_steps.items()}
        record(
            action="site.restored",
            actor=actor,
            resource_type="site",
            resource_id=settings.SITE,
            metadata={"backup_of": created_at, "steps": done},
        )
        tell_rolled_back(detail=f"A backup of {created_at} was put back here.", **done)
    return done


def _key_files(folder: Path) -> list[Path]:
    """Keys and trust, not what a process that died has left half written."""
    return sorted(path for path in folder.rglob("*.json") if path.is_file() and not path.name.startswith("."))


def _put_back_keys(folder: Path, manifest: Manifest) -> None:
    here = Path(settings.KEY_DIR)
    for name in manifest.files:
        if name == DUMP:
            continue
        target = here / Path(name).relative_to(KEYS)
        for parent in (here, target.parent):
            parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_atomically(target, (folder / name).read_bytes(), _KEY_MODE)


def _measure(path: Path) -> FileEntry:
    with path.open("rb") as source:
        digest = hashlib.file_digest(source, "sha256").hexdigest()
        return FileEntry(size=os.fstat(source.fileno()).st_size, sha256=digest)


def _bad(detail: str) -> DomainError:
    return DomainError("validation_failed", detail)
