"""What both sites' processes can be told to do. Imported where Django is set up."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management import call_command

from common_apps.audit.actors import SYSTEM
from common_apps.core import failpoints
from common_apps.transfer.bundle.errors import BundleError, Code
from common_apps.transfer.keys import KeyFolder
from common_apps.transfer.selectors import bundles_to_carry, locate_bundle
from common_apps.transfer.services import count_day, export_all, intake, scan_imports
from tests.model import mutants


def set_up(public_to: str) -> None:
    """Tables, folders and keys of the site; its public keys go to the folder."""
    call_command("setup", stdout=io.StringIO(), stderr=io.StringIO())
    KeyFolder(Path(settings.KEY_DIR)).export_public(Path(public_to))


def trust(path: str) -> None:
    """Believes the peer whose public file this is."""
    from common_apps.transfer.keys.peers import read_public_file
    from common_apps.transfer.services.key_changes import trust_keys

    trust_keys(public=read_public_file(Path(path)), actor=SYSTEM)


def export(streams: list[str] | None = None) -> list[str]:
    """Writes what waits; the names of the bundles."""
    return [each.file for each in export_all(actor=SYSTEM, streams=streams) if each.outcome != "failed"]


def scan(patient: bool = False) -> list[dict[str, Any]]:
    """Judges what lies in IMPORT_DIR."""
    return [_told(each) for each in scan_imports(actor=SYSTEM, patient=patient)]


def carry() -> list[dict[str, str]]:
    """What has to go, in the order in which a stick takes it."""
    found = []
    for batch in bundles_to_carry():
        path = locate_bundle(batch)
        if path is not None:
            found.append({"stream": batch.batch_type, "path": str(path)})
    return found


def arm(text: str, then: str, arguments: dict[str, Any]) -> Any:
    """The step ``then``, with failpoints armed."""
    failpoints.arm(text)
    return STEPS[then](**arguments)


def pass_days(count: int) -> int:
    """So many days go by, on each of which the site looks at its calendar."""
    from datetime import timedelta

    from common_apps.core import clock

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


def rotate_box() -> None:
    """A new box key."""
    from common_apps.transfer.services.key_changes import rotate_box_key

    rotate_box_key(actor=SYSTEM)


def rotate_signing() -> None:
    """A new signing key, announced in the next holdings."""
    from common_apps.transfer.services.key_changes import rotate_signing_key

    rotate_signing_key(actor=SYSTEM)


def sync(stick: str) -> dict[str, Any]:
    """The courier's one command; how many files of the other site were taken, and how many of ours lie there now."""
    from common_apps.transfer.services.media import sync_media

    report = sync_media(path=Path(stick), actor=SYSTEM, ours=True)
    if report.fault is not None or not report.safe_to_remove:
        raise AssertionError(report)
    return {"carried": len(report.carried)}


def settle_restored() -> dict[str, int]:
    """What `restore` does once a backup has been put back."""
    from common_apps.operations.services import backups

    return backups.settle_restored(created_at="some time ago", actor=SYSTEM)


def _told(outcome: Any) -> dict[str, Any]:
    return {
        "file": outcome.file,
        "outcome": outcome.outcome,
        "code": outcome.code,
        "stream": outcome.stream,
        "detail": outcome.detail,
    }


def _uuid(text: str) -> UUID:
    return UUID(text)


STEPS = {
    "set_up": set_up,
    "trust": trust,
    "export": export,
    "scan": scan,
    "carry": carry,
    "arm": arm,
    "pass_days": pass_days,
    "misread": misread,
    "mutate": mutate,
    "rotate_box": rotate_box,
    "rotate_signing": rotate_signing,
    "sync": sync,
    "settle_restored": settle_restored,
}
