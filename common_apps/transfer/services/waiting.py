"""Files that are still being copied: what a scan leaves alone for now."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from common_apps.audit.actors import Actor
from common_apps.transfer.bundle.envelope import MeasuredFile
from common_apps.transfer.bundle.errors import BundleError, Code
from common_apps.transfer.bundle.limits import Limits
from common_apps.transfer.bundle.names import sidecar_name
from common_apps.transfer.bundle.sidecar import Sidecar, parse_sidecar
from common_apps.transfer.choices import ImportStatus
from common_apps.transfer.models import ImportBatch
from common_apps.transfer.services.met import ImportOutcome, Met
from common_apps.transfer.services.settling import wait

SECOND_LOOK = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Look:
    """What can be seen of a file and its sidecar without reading the file. ``sidecar`` is None where it can't be
    read.
    """

    size: int
    mtime_ns: int
    has_sidecar: bool
    sidecar: Sidecar | None

    @property
    def fits_size(self) -> bool:
        """Whether the sidecar names this size."""
        return self.sidecar is not None and self.sidecar.file_size == self.size

    def fits(self, measured: MeasuredFile) -> bool:
        """Whether the sidecar names this size and checksum."""
        return self.sidecar is not None and (self.sidecar.file_size, self.sidecar.checksum) == (
            measured.size,
            measured.checksum,
        )

    @property
    def traces(self) -> dict[str, int]:
        """What changes while somebody is copying."""
        return {"size": self.size, "mtime_ns": self.mtime_ns}


def first_look(path: Path, limits: Limits) -> Look:
    """Raises BundleError not_regular for what is no plain file with one link; FileNotFoundError."""
    facts = path.lstat()
    if not stat.S_ISREG(facts.st_mode):
        raise BundleError(Code.NOT_REGULAR, "not a plain file")
    if facts.st_nlink != 1:
        raise BundleError(Code.NOT_REGULAR, "it has more than one link")
    try:
        sidecar = read_sidecar(path, limits)
        there = sidecar is not None
    except BundleError:
        sidecar, there = None, True
    return Look(size=facts.st_size, mtime_ns=facts.st_mtime_ns, has_sidecar=there, sidecar=sidecar)


def read_sidecar(path: Path, limits: Limits) -> Sidecar | None:
    """What lies beside the bundle at ``path``; None for nothing. Raises BundleError sidecar_mismatch where it can't
    be read.
    """
    beside = path.with_name(sidecar_name(path.name))
    try:
        descriptor = os.open(beside, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.ENODEV):
            raise BundleError(Code.SIDECAR_MISMATCH, "the sidecar is no plain file") from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BundleError(Code.SIDECAR_MISMATCH, "the sidecar is no plain file")
    with os.fdopen(descriptor, "rb") as source:
        return parse_sidecar(source.read(limits.sidecar + 1), limits)


def is_settled(met: Met, look: Look) -> bool:
    """Whether size and mtime are those of a look at least 10 s ago."""
    row = _waiting_row(met)
    if row is None or row.metadata.get("look") != look.traces:
        return False
    # A clock that was put back begins the wait anew.
    return met.at - datetime.fromisoformat(row.metadata["looked_at"]) >= SECOND_LOOK


def wait_for_data(met: Met, look: Look, *, actor: Actor) -> ImportOutcome:
    """Somebody is copying: the look is noted, unless it is the one that is noted already."""
    outcome = wait(met, status=ImportStatus.WAITING_DATA, actor=actor)
    row = _waiting_row(met)
    if row is not None:
        known = row.metadata
        if known.get("look") != look.traces or datetime.fromisoformat(known["looked_at"]) > met.at:
            row.metadata = {"look": look.traces, "looked_at": met.at.isoformat()}
            row.save(update_fields=["metadata"])
    return outcome


def _waiting_row(met: Met) -> ImportBatch | None:
    rows = ImportBatch.objects.filter(status=ImportStatus.WAITING_DATA, file_path=met.candidate.place)
    return rows.order_by("-created_at").first()
