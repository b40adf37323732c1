"""A courier's stick, and what becomes of it on the way. Laid out as docs/bundle-format.md says."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from common_apps.transfer.bundle.names import SIDECAR_SUFFIX, parse_name, sidecar_name


@dataclass(frozen=True)
class Written:
    """A bundle that a site wrote, as it was when it was whole."""

    name: str
    source: str
    stream: str
    data: bytes
    sidecar: bytes

    @cached_property
    def checksum(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


class Stick:
    """A folder: `airferry/<source>/<trip>/`, bundles flat beside their sidecars."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "airferry").mkdir(parents=True, exist_ok=True)

    def bundles(self, source: str | None = None) -> list[Path]:
        """Every bundle on it, in the order of names; by default of both sites."""
        found = self.path.glob(f"airferry/{source or '*'}/*/*.enc")
        return sorted(found, key=lambda path: (path.parent.name, path.name))

    def streams(self, source: str) -> list[str]:
        """The streams of what a site has left on it."""
        return [path.name.rsplit("_", 3)[0] for path in self.bundles(source)]

    def put(
        self,
        bundle: Written,
        *,
        trip: str,
        data: bytes | None = None,
        name: str | None = None,
        source: str | None = None,
    ) -> Path:
        """Lays the bundle (or other bytes under its name, or its bytes under another) into a trip's folder."""
        folder = self.path / "airferry" / (source or bundle.source) / trip
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / (name or bundle.name)
        path.write_bytes(bundle.data if data is None else data)
        path.with_name(sidecar_name(path.name)).write_bytes(bundle.sidecar)
        return path

    def drop(self, path: Path) -> None:
        """One bundle is lost."""
        path.unlink()
        path.with_name(sidecar_name(path.name)).unlink(missing_ok=True)

    def wipe(self) -> None:
        """It is empty."""
        shutil.rmtree(self.path / "airferry")
        (self.path / "airferry").mkdir()


def read_written(exports: Path, source: str, known: set[str]) -> list[Written]:
    """What lies whole in a site's EXPORT_DIR and is not known yet."""
    found = []
    for path in exports.glob("*/*.enc"):
        name = parse_name(path.name)
        sidecar = path.with_name(path.name + SIDECAR_SUFFIX)
        if name is not None and path.name not in known and sidecar.is_file():
            found.append(Written(path.name, source, name.stream, path.read_bytes(), sidecar.read_bytes()))
    return found
