"""Where bundles lie on this host."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from common_apps.core.failpoints import failpoint
from common_apps.transfer.bundle.durability import sync_directory
from common_apps.transfer.bundle.names import sidecar_name
from common_apps.transfer.errors import TransferNotReadyError


@dataclass(frozen=True, slots=True)
class Folders:
    """The site's folders. What lies under ``data`` is never scanned and never carried."""

    exports: Path
    imports: Path
    data: Path

    @property
    def incoming(self) -> Path:
        """Private copies of what is being imported."""
        return self.data / "incoming"

    @property
    def taken(self) -> Path:
        """What was taken off a stick and has not been imported yet."""
        return self.data / "taken"

    @property
    def quarantine(self) -> Path:
        """``<sha>.enc`` beside ``<sha>.reason.json``."""
        return self.data / "quarantine"

    @property
    def imported(self) -> Path:
        """The archive of what was applied: ``<sha>.enc``."""
        return self.data / "archive" / "imports"

    @property
    def exported(self) -> Path:
        """The archive of what the other site has confirmed, a folder for each stream."""
        return self.data / "archive" / "exports"

    def export_lock(self, stream: str) -> Path:
        """The flock of the stream's exporter, beside EXPORT_DIR."""
        return self.exports.with_name(f".{self.exports.name}.locks") / f"{stream}.lock"

    def import_lock(self) -> Path:
        """The flock of the importer, beside IMPORT_DIR."""
        return self.imports.with_name(f".{self.imports.name}.locks") / "import.lock"

    def require_exports(self) -> None:
        """Raises TransferNotReadyError where EXPORT_DIR is not there: an unmounted disk must not look like lost
        bundles.
        """
        _require(self.exports, "EXPORT_DIR")

    def require_imports(self) -> None:
        """Raises TransferNotReadyError where IMPORT_DIR is not there."""
        _require(self.imports, "IMPORT_DIR")

    def media_lock(self) -> Path:
        """The flock of whoever uses a stick, beside IMPORT_DIR."""
        return self.import_lock().with_name("media.lock")

    def make_private(self) -> None:
        """Makes the folders under DATA_DIR, closed to others. Raises TransferNotReadyError."""
        _require(self.data, "DATA_DIR")
        # The archive itself, too: a parent that mkdir makes along the way is open to others.
        for folder in (self.incoming, self.taken, self.quarantine, self.imported.parent, self.imported, self.exported):
            folder.mkdir(mode=0o700, exist_ok=True)


def site_folders() -> Folders:
    """Those of the settings."""
    return Folders(exports=Path(settings.EXPORT_DIR), imports=Path(settings.IMPORT_DIR), data=Path(settings.DATA_DIR))


def remove_bundle(path: Path) -> None:
    """Removes a bundle and its sidecar, durably: the database will say that they are gone. What is not there is not
    missed. Raises OSError.
    """
    there = [each for each in (path.with_name(sidecar_name(path.name)), path) if os.path.lexists(each)]
    for each in there:
        each.unlink(missing_ok=True)
    if there:
        sync_directory(path.parent)


def quarantine_reason(path: Path) -> Path:
    """Where the reason of the quarantined file at ``path`` stands."""
    return path.with_suffix(".reason.json")


def remove_quarantined(path: Path) -> None:
    """Removes a file of the quarantine and its reason; what is not there is not missed. Raises OSError."""
    path.unlink(missing_ok=True)
    failpoint("quarantine.removing")
    quarantine_reason(path).unlink(missing_ok=True)


def move_durably(source: Path, target: Path) -> None:
    """Renames within one file system, or copies and removes across two; durable when it returns. Raises OSError."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy_durably(source, target)
        source.unlink()
    sync_directory(target.parent)


def _copy_durably(source: Path, target: Path) -> None:
    part = target.with_name(target.name + ".part")
    try:
        with source.open("rb") as reader, part.open("wb") as writer:
            while block := reader.read(1024 * 1024):
                writer.write(block)
            writer.flush()
            os.fsync(writer.fileno())
        part.rename(target)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _require(folder: Path, name: str) -> None:
    if not folder.is_dir():
        raise TransferNotReadyError(f"{name} ({folder}) is not there: mount it, or make it with the command setup.")
