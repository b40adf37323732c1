"""This site's folder on the stick holds what has to go, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.conf import settings

from common_apps.core.failpoints import failpoint
from common_apps.transfer.bundle.names import parse_name, sidecar_name
from common_apps.transfer.bundle.streams import STREAMS
from common_apps.transfer.media.errors import name_failure
from common_apps.transfer.media.folder import Folder
from common_apps.transfer.media.layout import TOP, Found, list_site
from common_apps.transfer.media.stick import Stick
from common_apps.transfer.models import ExportBatch


def tidy_own(*, stick: Stick, to_go: Sequence[ExportBatch], safe: Mapping[str, str]) -> int:
    """Removes what need not go any more, torn files and empty trips; how many bundles and parts went.

    ``safe``: the trip in which a bundle lies whole, by its name. An older state stays until the newer one is safe:
    whenever this is broken off, the stick still tells what it told before. Raises StickError.
    """
    waited_for = {batch.batch_type for batch in to_go if batch.filename not in safe}
    needed = {batch.filename: safe.get(batch.filename) for batch in to_go}
    removed = 0
    try:
        listing = list_site(stick.folder, settings.SITE)
        gone = [each for each in listing.bundles if needed.get(each.name) != each.trip]
        for found in gone:
            if found.name in needed or not _is_held_back(found, waited_for):
                removed += _remove(stick, found.trip, (sidecar_name(found.name), found.name))
        for trip, name in listing.torn:
            removed += _remove(stick, trip, (name,))
        for trip in listing.trips:
            with Folder.open_below(stick.folder, TOP, settings.SITE) as folder:
                folder.remove_folder(trip)
    except OSError as error:
        raise name_failure(error, settings.SITE) from error
    return removed


def _is_held_back(found: Found, waited_for: set[str]) -> bool:
    """An older state whose successor is not safe yet."""
    known = parse_name(found.name)
    return known is not None and STREAMS[known.stream].kind == "state" and known.stream in waited_for


def _remove(stick: Stick, trip: str, names: Sequence[str]) -> int:
    with Folder.open_below(stick.folder, TOP, settings.SITE, trip) as folder:
        failpoint("carry.removing")
        # The sidecar first: what is without one is never taken for complete.
        for name in names:
            folder.remove(name)
        folder.sync()
    return 1
