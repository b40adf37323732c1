"""How large things may be. A site may set other values; these are the format's own."""

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Sizes in bytes. No compression ratio is limited: real answers compress 800-fold."""

    log_records: int = 500
    log_plaintext: int = 64 * MIB
    state_plaintext: int = 2 * GIB
    line: int = 16 * MIB
    query_params: int = 64 * KIB
    json_depth: int = 32
    file: int = 4 * GIB - 1
    free_disk_factor: int = 2
    sidecar: int = 64 * KIB


DEFAULT_LIMITS = Limits()
