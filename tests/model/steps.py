"""What both sites' processes can be told to do. Imported where Django is set up."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command

from common_apps.audit.actors import SYSTEM
from common_apps.core import clock, failpoints
from common_apps.core.errors import DomainError
from common_apps.operations.services import backups
from common_apps.transfer.bundle.errors import BundleError, Code
from common_apps.transfer.bundle.keypairs import Kem
from common_apps.transfer.folders import site_folders
from common_apps.transfer.keys import KeyFolder
from common_apps.transfer.keys.changes import export_public
from common_apps.transfer.keys.peers import read_public_file
from common_apps.transfer.selectors import quarantined
from common_apps.transfer.services import count_day, export_all, intake, key_changes, quarantine, scan_imports
from common_apps.transfer.services.key_listing import unconfirmed_keys
from common_apps.transfer.services.media import sync_media
from common_apps.transfer.services.retention import prune_files
from tests.model import mutants


def set_up(public_to: str) -> None:
    """Tables, folders and keys of the site; its public keys go to the folder."""
    call_command("setup", stdout=io.StringIO(), stderr=io.StringIO())
    export_public(KeyFolder(Path(settings.KEY_DIR)), Path(public_to))


def trust(path: str) -> None:
    """Believes the peer whose public file this is."""
    key_changes.trust_keys(public=read_public_file(Path(path)), actor=SYSTEM)


def export(streams: list[str] | None = None) -> list[str]:
    """Writes what waits; the names of the bundles."""
    return [each.file for each in export_all(actor=SYSTEM, streams=streams) if each.outcome != "failed"]


def scan() -> list[dict[str, Any]]:
    """Judges what lies in IMPORT_DIR, as the watcher does: patiently."""
    return [_told(each) for each in scan_imports(actor=SYSTEM)]


def sync(path: str) -> str | None:
    """The courier's command with the stick at ``path``; the fault that ended it, if one did."""
    report = sync_media(path=Path(path), actor=SYSTEM, ours=True)
    return None if report.fault is None else f"{report.fault.code}: {report.fault.detail}"


def prune() -> None:
    """The nightly cleanup's part in transfer."""
    prune_files(actor=SYSTEM)


def arm(text: str, then: str, arguments: dict[str, Any]) -> Any:
    """The step ``then``, with failpoints armed."""
    failpoints.arm(text)
    return STEPS[then](**arguments)


def pass_days(count: int) -> int:
    """So many days go by, on each of which the site looks at its calendar."""
    ours = clock.now.__self__  # type: ignore[attr-defined]  # the model's clock
    for _ in range(count):
        ours.at += timedelta(days=1)
        days = count_day()
    return days


class _Misread:
    """A reader with a bug: it takes sound bundles of a stream for bad ones, until it is upgraded."""

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.sound = intake.open_payload

    def __call__(self, envelope: Any, header: Any, *others: Any) -> Iterator[Any]:
        """As open_payload."""
        if header.stream == self.stream:
            raise BundleError(Code.BAD_RECORD, "a bug of the reader's")
        return self.sound(envelope, header, *others)


def misread(stream: str | None) -> None:
    """From now on the reader takes the stream's bundles for bad ones; None: it has been upgraded."""
    if isinstance(intake.open_payload, _Misread):
        intake.open_payload = intake.open_payload.sound
    if stream is not None:
        intake.open_payload = _Misread(stream)


def mutate(name: str | None) -> None:
    """Leaves the rule out, or with None puts every rule back."""
    mutants.put_back()
    if name is not None:
        mutants.leave_out(name)


def rotate_box(kem: str | None = None) -> None:
    """A new box key."""
    key_changes.rotate_box_key(actor=SYSTEM, kem=None if kem is None else Kem(kem))


def rotate_signing() -> None:
    """A new signing key, announced in the next holdings."""
    key_changes.rotate_signing_key(actor=SYSTEM)


def confirm_keys() -> int:
    """The operator has compared the words of every key that the peer announces; how many there were."""
    rows = unconfirmed_keys()
    for row in rows:
        key_changes.confirm_signing_key(fingerprint=row["fingerprint"], actor=SYSTEM)
    return len(rows)


def release_held() -> list[str]:
    """The operator releases whatever is held; what became of each. One whose bytes are lost is forgotten by it."""
    outcomes = []
    for row in quarantined().filter(held_at__isnull=False).order_by("created_at"):
        try:
            outcomes.append(quarantine.release_held(row_id=row.pk, actor=SYSTEM).outcome)
        except DomainError as refused:
            outcomes.append(refused.code)
    return outcomes


def settle_restored(created_at: str) -> None:
    """What the command `restore` does after a backup is back."""
    backups.settle_restored(created_at=created_at, actor=SYSTEM)


def discard_held() -> list[str]:
    """The operator discards whatever log bundles are held; their streams."""
    found = list(quarantined().filter(held_at__isnull=False, batch_type__in=("requests", "results")))
    for row in found:
        quarantine.discard(row_id=row.pk, actor=SYSTEM, reason="the model wills it")
    return [row.batch_type for row in found]


def lose_held() -> None:
    """The disk has lost what lies in quarantine."""
    for path in site_folders().quarantine.glob("*"):
        path.unlink()


def _told(outcome: Any) -> dict[str, Any]:
    return {"file": outcome.file, "outcome": outcome.outcome, "code": outcome.code, "detail": outcome.detail}


STEPS = {
    "set_up": set_up,
    "trust": trust,
    "export": export,
    "scan": scan,
    "sync": sync,
    "settle_restored": settle_restored,
    "prune": prune,
    "arm": arm,
    "pass_days": pass_days,
    "misread": misread,
    "mutate": mutate,
    "rotate_box": rotate_box,
    "rotate_signing": rotate_signing,
    "confirm_keys": confirm_keys,
    "release_held": release_held,
    "discard_held": discard_held,
    "lose_held": lose_held,
}
