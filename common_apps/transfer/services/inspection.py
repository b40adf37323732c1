"""Looks into a bundle without doing anything with it: who wrote it, what it says of itself, and whether it is sound."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings

from common_apps.transfer.bundle.codec import encode_record
from common_apps.transfer.bundle.envelope import Envelope, check_envelope, check_signature, take_copy
from common_apps.transfer.bundle.errors import BundleError, Code
from common_apps.transfer.bundle.header import Header
from common_apps.transfer.bundle.limits import Limits
from common_apps.transfer.bundle.reader import check_name, open_payload, read_header
from common_apps.transfer.bundle.sidecar import check_sidecar
from common_apps.transfer.limits import site_limits
from common_apps.transfer.services.peer import site_keys
from common_apps.transfer.services.waiting import read_sidecar

SOUND = "sound"


@dataclass(frozen=True, slots=True)
class Inspection:
    """``verdict``: ``sound``, the code of the first fault, or a waiting state. ``header`` is None before it can be
    believed.

    ``signed_by``: site and fingerprint of the key that verified. ``records``: the lines, where they were asked for
    and can be read.
    """

    verdict: str
    detail: str = ""
    signed_by: str = ""
    header: dict[str, Any] | None = None
    records: tuple[str, ...] = ()


def inspect_bundle(*, path: Path, with_records: bool = False, limits: Limits | None = None) -> Inspection:
    """Judges the file as an import would, from its bytes alone; what this site knows already plays no part.

    Raises OSError where it can't be read, KeyFolderError where the keys can't.
    """
    found = Inspection(verdict=SOUND)
    limits = limits or site_limits()
    try:
        with tempfile.TemporaryDirectory(prefix="airferry-inspect-") as private:
            envelope = check_envelope(take_copy(path, Path(private), limits))
            return _look_inside(path, envelope, found, with_records, limits)
    except BundleError as error:
        return replace(found, verdict=error.code.value, detail=error.detail)


def _look_inside(path: Path, envelope: Envelope, found: Inspection, with_records: bool, limits: Limits) -> Inspection:
    keys = site_keys()
    signer = check_signature(envelope, keys.trusted_keys(), keys.own_trusted_keys())
    found = replace(found, signed_by=f"{signer.site} {signer.fingerprint}")
    try:
        header = read_header(envelope, signer, settings.SITE)
        found = replace(found, header=_plain(header))
        # In the archive and in the quarantine it lies under its checksum.
        if path.name != f"{envelope.file.checksum}.enc":
            check_name(path.name, header)
        sidecar = read_sidecar(path, limits)
        if sidecar is not None:
            check_sidecar(sidecar, header, size=envelope.file.size, checksum=envelope.file.checksum)
        if header.schema > header.spec.schema:
            return replace(found, verdict="waiting_schema", detail=f"schema {header.schema} is newer than this release")
        if signer.own:
            return replace(found, detail="written here: only the other site can read what is in it")
        key = keys.find_box_key(header.box_key)
        if key is None:
            return replace(found, verdict="waiting_key", detail="it is encrypted to a box key that is not here")
        if key.status == "retired":
            raise BundleError(Code.UNKNOWN_KEY, f"box key {key.version} is retired")
        lines = []
        for record in open_payload(envelope, header, key, limits):
            if with_records:
                lines.append(encode_record(record).decode())
    except BundleError as error:
        return replace(found, verdict=error.code.value, detail=error.detail)
    return replace(found, records=tuple(lines))


def _plain(header: Header) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(header)
    return fields
