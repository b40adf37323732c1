"""Taking what has come off the stick: every trip of the other site, judged at once."""

from __future__ import annotations

import errno
from pathlib import Path

from django.conf import settings

from common_apps.audit.actors import Actor
from common_apps.core.failpoints import failpoint
from common_apps.transfer.bundle.errors import BundleError, Code
from common_apps.transfer.bundle.limits import Limits
from common_apps.transfer.bundle.names import sidecar_name
from common_apps.transfer.folders import Folders
from common_apps.transfer.media.copying import read_off, take_off
from common_apps.transfer.media.errors import name_failure
from common_apps.transfer.media.folder import Folder, NotPlainError
from common_apps.transfer.media.layout import TOP, Found, list_site
from common_apps.transfer.media.stick import Stick
from common_apps.transfer.services.imports import import_order, import_taken, refuse_unread
from common_apps.transfer.services.media_report import Progress, SyncReport, Taken
from common_apps.transfer.services.met import INTERNAL_ERROR, ImportOutcome


def take_what_came(
    *, stick: Stick, folders: Folders, actor: Actor, limits: Limits, report: SyncReport, progress: Progress
) -> None:
    """Imports what lies in the other site's folder; it stays there, that site tidies it.

    One at a time, each by way of a private copy: a stick that is pulled meanwhile loses nothing. Raises StickError
    when the stick does not answer any more; as ``scan_imports`` for faults of this site.
    """
    for left in folders.taken.iterdir():
        # Of a run that died: it is still on the stick, or comes again.
        left.unlink(missing_ok=True)
    try:
        listing = list_site(stick.folder, settings.PEER)
    except OSError as error:
        raise name_failure(error, settings.PEER) from error
    report.ignored += listing.odd
    report.ignored_count += listing.odd_count
    total = sum(each.size for each in listing.bundles)
    done = 0
    for found in sorted(listing.bundles, key=lambda each: import_order(each.name)):
        progress("take", done, total)
        outcome = _take(stick, found, folders, actor, limits)
        if outcome is not None:
            report.taken.append(Taken(found.trip, outcome))
        done += found.size
    progress("take", total, total)
    failpoint("carry.imported")


def _take(stick: Stick, found: Found, folders: Folders, actor: Actor, limits: Limits) -> ImportOutcome | None:
    """None where it has vanished since the listing."""
    copy = folders.taken / found.name
    beside = folders.taken / sidecar_name(found.name)
    if not found.has_sidecar:
        # Its writer was stopped: it is not complete, and its own site writes it again.
        return ImportOutcome(
            file=found.name, outcome="waiting_sidecar", code="waiting_sidecar", detail="not complete on the stick"
        )
    try:
        _copy_both(stick, found, copy, beside, limits)
        failpoint("carry.taken")
        return import_taken(path=copy, actor=actor, limits=limits)
    except FileNotFoundError:
        return None
    except BundleError as error:
        shown = stick.path / TOP / settings.PEER / found.trip / found.name
        return refuse_unread(path=shown, error=error, actor=actor)
    except _UnreadableError as error:
        return ImportOutcome(file=found.name, outcome="postponed", code=error.code, detail=error.detail)
    finally:
        copy.unlink(missing_ok=True)
        beside.unlink(missing_ok=True)


class _UnreadableError(Exception):
    """A file that can't be copied now, for a reason that may concern it alone."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def _copy_both(stick: Stick, found: Found, copy: Path, beside: Path, limits: Limits) -> None:
    """Raises BundleError for what is no plain file or too large, _UnreadableError for a full disk of ours or a bad
    sector, StickError when the whole stick has gone.
    """
    if found.size > limits.file:
        raise BundleError(Code.TOO_LARGE, f"more than {limits.file} bytes")
    try:
        with Folder.open_below(stick.folder, TOP, settings.PEER, found.trip) as trip:
            take_off(trip, found.name, copy)
            try:
                beside.write_bytes(read_off(trip, sidecar_name(found.name), most=limits.sidecar + 1))
            except NotPlainError:
                raise BundleError(Code.SIDECAR_MISMATCH, "the sidecar is no plain file") from None
    except NotPlainError:
        raise BundleError(Code.NOT_REGULAR, "not a plain file with one link") from None
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _UnreadableError(Code.DISK_FULL, "no room on this site for a copy") from error
        _require_stick(stick)
        raise _UnreadableError(INTERNAL_ERROR, f"it can't be read on the stick: {error.strerror or error}") from error


def _require_stick(stick: Stick) -> None:
    """A bad sector concerns one file; a stick that was pulled, all of them. Raises StickError."""
    try:
        with Folder.open_below(stick.folder, TOP) as top:
            for _ in top.entries():
                break
    except OSError as error:
        raise name_failure(error, TOP) from error
