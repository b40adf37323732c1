"""Whose stick it is: whether anything on it was written by the two sites that use it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable

from common_apps.transfer.bundle.errors import BundleError
from common_apps.transfer.bundle.keypairs import signature_verifies
from common_apps.transfer.bundle.layout import FOOTER_SIZE, HASHED_TAIL, MIN_FILE, PREFIX_SIZE, Footer, parse_footer
from common_apps.transfer.bundle.layout import parse_prefix as header_length_of
from common_apps.transfer.media.folder import Folder, NotPlainError
from common_apps.transfer.media.layout import TOP, Listing

_STEP = 1024 * 1024
# Of the files that nobody here has signed, so many are read to the end: torn ones prove nothing.
_MOST_READ = 5


def is_foreign(stick: Folder, listings: Iterable[tuple[str, Listing]], keys: Collection[bytes]) -> bool:
    """Whether sound bundles lie there and none of them was signed with one of ``keys`` (raw Ed25519).

    An empty stick is not, nor one with torn bundles alone. Of most files only the last 112 bytes are read. Raises
    OSError.
    """
    unknown: list[tuple[int, str, str, str, Footer]] = []
    for site, listing in listings:
        for found in listing.bundles:
            footer = _footer(stick, site, found.trip, found.name)
            if footer is None:
                continue
            if any(signature_verifies(key, footer.signature, footer.signed) for key in keys):
                return False
            unknown.append((found.size, site, found.trip, found.name, footer))
    unknown.sort(key=lambda each: each[:4])
    return any(_is_sound(stick, *each) for each in unknown[:_MOST_READ])


def _footer(stick: Folder, site: str, trip: str, name: str) -> Footer | None:
    try:
        with Folder.open_below(stick, TOP, site, trip) as folder:
            descriptor = folder.read(name)
    except (FileNotFoundError, NotPlainError):
        return None
    try:
        size = os.fstat(descriptor).st_size
        if size < MIN_FILE:
            return None
        header_length = header_length_of(os.pread(descriptor, PREFIX_SIZE, 0))
        footer = os.pread(descriptor, FOOTER_SIZE, size - FOOTER_SIZE)
        return parse_footer(footer, file_size=size, header_length=header_length)
    except BundleError:
        return None
    finally:
        os.close(descriptor)


def _is_sound(stick: Folder, size: int, site: str, trip: str, name: str, footer: Footer) -> bool:
    whole, left = hashlib.sha256(), size - HASHED_TAIL
    with Folder.open_below(stick, TOP, site, trip) as folder:
        descriptor = folder.read(name)
    try:
        while left > 0 and (block := os.read(descriptor, min(_STEP, left))):
            whole.update(block)
            left -= len(block)
    finally:
        os.close(descriptor)
    return left == 0 and whole.digest() == footer.content_hash
