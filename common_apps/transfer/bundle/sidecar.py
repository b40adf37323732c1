"""The sidecar: what a person and a listing read beside a bundle. It decides nothing, but it must be true."""

from typing import Any

import msgspec

from common_apps.core import strict_json
from common_apps.transfer.bundle.errors import BundleError, Code
from common_apps.transfer.bundle.forms import format_time, is_same_time
from common_apps.transfer.bundle.header import Header
from common_apps.transfer.bundle.limits import DEFAULT_LIMITS, Limits

ENCRYPTION_ALGORITHM = "AES-256-GCM"


class Encryption(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the bundle is encrypted; `key_version` is the box key's label."""

    algorithm: str
    key_version: str


class Sidecar(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`batch_type` is the stream, `checksum` the SHA-256 of the whole file in hex, `file_size` in bytes."""

    batch_id: str
    batch_type: str
    created_at: str
    record_count: int
    file_size: int
    checksum: str
    encryption: Encryption
    source_network: str
    destination_network: str


def build_sidecar(header: Header, *, size: int, checksum: str) -> Sidecar:
    """The sidecar that a bundle of this header, size (bytes) and checksum (SHA-256, hex) must have."""
    return Sidecar(
        batch_id=str(header.batch_id),
        batch_type=header.stream,
        created_at=format_time(header.created_at),
        record_count=header.record_count,
        file_size=size,
        checksum=checksum,
        encryption=Encryption(algorithm=ENCRYPTION_ALGORITHM, key_version=header.key_version),
        source_network=header.source,
        destination_network=header.destination,
    )


def encode_sidecar(sidecar: Sidecar) -> bytes:
    """JSON for people: indented, with a last LF."""
    return msgspec.json.format(msgspec.json.encode(sidecar), indent=2) + b"\n"


def parse_sidecar(raw: bytes, limits: Limits = DEFAULT_LIMITS) -> Sidecar:
    """Parse what lies beside a bundle. Raises BundleError sidecar_mismatch."""
    if len(raw) > limits.sidecar:
        raise BundleError(Code.SIDECAR_MISMATCH, f"longer than {limits.sidecar} bytes")
    try:
        strict_json.loads(raw)
        return msgspec.json.decode(raw, type=Sidecar)
    except (strict_json.StrictJsonError, msgspec.DecodeError, RecursionError) as error:
        raise BundleError(Code.SIDECAR_MISMATCH, str(error)) from None


def check_sidecar(sidecar: Sidecar, header: Header, *, size: int, checksum: str) -> None:
    """Compare every field with what was verified. Raises BundleError sidecar_mismatch naming those that differ."""
    said: dict[str, Any] = msgspec.to_builtins(sidecar)
    true: dict[str, Any] = msgspec.to_builtins(build_sidecar(header, size=size, checksum=checksum))
    if is_same_time(sidecar.created_at, header.created_at):
        said["created_at"] = true["created_at"]
    wrong = sorted(name for name, value in true.items() if said[name] != value)
    if wrong:
        raise BundleError(Code.SIDECAR_MISMATCH, f"{', '.join(wrong)}: not what the bundle says")
