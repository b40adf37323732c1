"""File names: a bundle's, its sidecar's, and the folder's latest.json."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from common_apps.transfer.bundle.forms import UUID_PATTERN
from common_apps.transfer.bundle.streams import STREAMS

SUFFIX = ".jsonl.enc"
SIDECAR_SUFFIX = ".meta.json"
LATEST_NAME = "latest.json"
PART_SUFFIX = ".part"
NAME_PATTERN = rf"({'|'.join(STREAMS)})_([0-9]{{8}}_[0-9]{{6}})_({UUID_PATTERN})\.jsonl\.enc"

_NAME = re.compile(NAME_PATTERN, re.ASCII)


@dataclass(frozen=True)
class BundleName:
    """What a file name says; `stamp` is created_at in UTC as YYYYMMDD_HHMMSS."""

    stream: str
    stamp: str
    batch_id: UUID


def parse_name(name: str) -> BundleName | None:
    """What a base name says, or None where it is no bundle's (then the file is ignored)."""
    match = _NAME.fullmatch(name)
    return BundleName(match[1], match[2], UUID(match[3])) if match else None


def bundle_name(stream: str, created_at: datetime, batch_id: UUID) -> str:
    """The base name of a bundle; `created_at` must be aware."""
    return f"{stream}_{created_at.astimezone(UTC):%Y%m%d_%H%M%S}_{batch_id}{SUFFIX}"


def sidecar_name(name: str) -> str:
    """The base name of a bundle's sidecar."""
    return name + SIDECAR_SUFFIX
