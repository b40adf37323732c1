"""The courier: what has to go is exported, copied to the stick, copied off it, imported."""

import json
import os
import shutil
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from devstack.errors import DevstackError
from devstack.home import Home, Site
from devstack.processes import wait_until

_SUFFIX = ".jsonl.enc"
_SIDECAR = ".meta.json"
_WATCHER_S = 30.0
_ANSWERS_S = 180.0
# State streams: a newer bundle replaces an older one, which therefore needn't travel
_STATES = {"users", "profile_types", "settings", "catalogue", "holdings"}


@dataclass
class Trip:
    """What went from one site to the other."""

    source: str
    destination: str
    folder: Path
    records: dict[str, int] = field(default_factory=dict)
    bundles: int = 0
    size: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        what = ", ".join(f"{stream} {count}" for stream, count in sorted(self.records.items())) or "nothing"
        return (
            f"{self.source} -> {self.destination}: {self.bundles} bundles, {self.size / 1024:,.1f} KiB "
            f"({what}) in {self.seconds:.1f} s"
        )


def carry(home: Home, source: Site) -> Trip:
    """One way: export on `source`, by way of the stick into the peer's IMPORT_DIR, import there.

    Returns when every bundle that was carried is settled. Raises DevstackError when one is quarantined or waits.
    """
    began = time.monotonic()
    destination = home.other(source)
    source.manage("export_bundles")
    trip = Trip(source.name, destination.name, _new_folder(home.media / "airferry" / source.name))
    exports, imports = (
        Path(site.values()[name]) for site, name in ((source, "EXPORT_DIR"), (destination, "IMPORT_DIR"))
    )
    for bundle in _to_go(source, exports):
        copied = _copy(bundle, trip.folder)
        trip.bundles += 1
        trip.size += copied.stat().st_size
        stream = bundle.parent.name
        said = json.loads(Path(f"{bundle}{_SIDECAR}").read_text())
        trip.records[stream] = trip.records.get(stream, 0) + said["record_count"]
    names = []
    for bundle in sorted(trip.folder.glob(f"*{_SUFFIX}")):
        stream = bundle.name.rsplit("_", 3)[0]
        names.append(_copy(bundle, imports / stream))
    # the watcher takes them in as they come
    if not wait_until(lambda: not any(name.exists() for name in names), timeout_s=_WATCHER_S):
        said = destination.manage("import_bundles", check=False)
        left = ", ".join(name.name for name in names if name.exists())
        if left:
            raise DevstackError(f"Not settled on the {destination.name} site: {left}\n{said}")
    _refuse_failed(destination, [name.name for name in names])
    trip.seconds = time.monotonic() - began
    return trip


def wait_for_answers(home: Home) -> float:
    """Wait until the response site has executed whatever came; seconds waited."""
    began = time.monotonic()
    left = "SELECT count(*) FROM incoming_requests WHERE status IN ('pending', 'processing', 'retry')"
    if not wait_until(lambda: home.response.query(left) == [(0,)], timeout_s=_ANSWERS_S, every_s=0.1):
        raise DevstackError(
            f"{home.response.query(left)[0][0]} requests were not executed within {_ANSWERS_S:.0f} s. "
            f"See {home.response.logs / 'worker.log'}."
        )
    return time.monotonic() - began


def round_trip(home: Home) -> tuple[Trip, float, Trip]:
    """Requests out, their execution waited for (seconds), answers back."""
    out = carry(home, home.request)
    waited = wait_for_answers(home)
    return out, waited, carry(home, home.response)


def _to_go(source: Site, exports: Path) -> list[Path]:
    """Complete bundles that the other site hasn't confirmed; of each state stream the newest."""
    settled = {
        name
        for (name,) in source.query(
            "SELECT filename FROM export_batches "
            "WHERE coalesce(confirmed_at, superseded_at, ended_at, held_at) IS NOT NULL"
        )
    }
    found = []
    for folder in sorted(path for path in exports.iterdir() if path.is_dir()):
        complete = [path for path in sorted(folder.glob(f"*{_SUFFIX}")) if Path(f"{path}{_SIDECAR}").exists()]
        if folder.name in _STATES:
            complete = complete[-1:]
        found += [path for path in complete if path.name not in settled]
    return found


def _copy(bundle: Path, folder: Path) -> Path:
    """Copy a bundle and then its sidecar into `folder`, each whole and on the disk before it has its name."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in (bundle, Path(f"{bundle}{_SIDECAR}")):
        temporary = folder / f".{source.name}.part"
        with source.open("rb") as reader, temporary.open("wb") as writer:
            shutil.copyfileobj(reader, writer, 1 << 20)
            writer.flush()
            os.fsync(writer.fileno())
        temporary.replace(folder / source.name)
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return folder / bundle.name


def _new_folder(parent: Path) -> Path:
    name = datetime.now(UTC).strftime("%Y%m%d_%H%M%S")
    for number in range(1, 1000):
        folder = parent / (name if number == 1 else f"{name}_{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise DevstackError(f"{parent} has a thousand trips of one second.")


def _refuse_failed(destination: Site, names: list[str]) -> None:
    failed = [
        f"{name}: {code}"
        for name, code in destination.query("SELECT filename, code FROM import_batches WHERE status = 'failed'")
        if name in names
    ]
    if failed:
        raise DevstackError(f"Quarantined on the {destination.name} site: " + "; ".join(failed))
