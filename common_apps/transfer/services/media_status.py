"""What is on the sticks that are plugged in, and what a carry would do; nothing is changed."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from common_apps.transfer.choices import ImportStatus
from common_apps.transfer.media.errors import StickError, name_failure
from common_apps.transfer.media.layout import list_site
from common_apps.transfer.media.stick import Stick, find_sticks, open_stick
from common_apps.transfer.models import ImportBatch
from common_apps.transfer.selectors import bundles_to_carry
from common_apps.transfer.services.media_report import StickStatus


def media_roots() -> list[Path]:
    """The folders below which a stick may lie, as the settings say."""
    return [Path(each) for each in settings.MEDIA_ROOTS]


def media_status(*, path: Path | None) -> StickStatus:
    """The one stick at or below ``path`` (None: below any of MEDIA_ROOTS). Only names and sizes are looked at. Raises
    StickError.
    """
    with open_stick(media_roots(), path) as stick:
        try:
            return _look(stick)
        except OSError as error:
            raise name_failure(error, str(stick.path)) from error


def media_statuses() -> list[StickStatus | StickError]:
    """All sticks below MEDIA_ROOTS, each with what is on it or what is wrong with it."""
    found: list[StickStatus | StickError] = []
    for path in find_sticks(media_roots()):
        try:
            found.append(media_status(path=path))
        except StickError as error:
            found.append(error)
    return found


def _look(stick: Stick) -> StickStatus:
    room = stick.room()
    theirs, ours = list_site(stick.folder, settings.PEER), list_site(stick.folder, settings.SITE)
    complete = [each for each in theirs.bundles if each.has_sidecar]
    known = ImportBatch.objects.filter(
        status=ImportStatus.COMPLETED, filename__in=[each.name for each in complete]
    ).values_list("filename", flat=True)
    to_go = {batch.filename: batch.file_size_bytes or 0 for batch in bundles_to_carry()}
    there = {each.name for each in ours.bundles if each.has_sidecar and to_go.get(each.name) == each.size}
    return StickStatus(
        stick=str(stick.path),
        free=room.free,
        is_read_only=room.read_only,
        to_take=len(complete),
        to_take_bytes=sum(each.size for each in complete),
        known=len(set(known)),
        incomplete=len(theirs.bundles) - len(complete),
        to_go=len(to_go),
        to_go_bytes=sum(to_go.values()),
        there=len(there),
        torn=len(ours.torn) + sum(not each.has_sidecar for each in ours.bundles),
        peer_trips=len(theirs.trips),
        own_trips=len(ours.trips),
    )
