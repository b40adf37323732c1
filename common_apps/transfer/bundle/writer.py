"""Writing a bundle, step by step, so that a crash can be thought of (and made to happen) between any two.

    write_part -> publish -> write_sidecar -> write_latest          or all four: write_bundle

The record count and the digest stand in the header, before the payload: so the payload is packed into a spool first.
"""

import base64
import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Literal
from uuid import UUID

from common_apps.transfer.bundle.chunks import DEK_SIZE, associated_data, seal_chunks
from common_apps.transfer.bundle.durability import replace_atomically, sync_directory
from common_apps.transfer.bundle.envelope import (
    MeasuredFile,
    TrustedKey,
    check_envelope,
    check_signature,
    measure,
)
from common_apps.transfer.bundle.errors import BundleError, Code
from common_apps.transfer.bundle.header import HEADER_VERSION, AuditHead, Header, Hello, encode_header
from common_apps.transfer.bundle.keypairs import BoxPublicKey, SigningKey, alg_of, wrap_info
from common_apps.transfer.bundle.layout import pack_footer_counts, pack_prefix
from common_apps.transfer.bundle.limits import DEFAULT_LIMITS, Limits
from common_apps.transfer.bundle.names import LATEST_NAME, PART_SUFFIX, bundle_name, sidecar_name
from common_apps.transfer.bundle.payload import Compression, compress
from common_apps.transfer.bundle.reader import check_name, open_payload, read_header
from common_apps.transfer.bundle.sidecar import Sidecar, build_sidecar, encode_sidecar
from common_apps.transfer.bundle.spool import Spool
from common_apps.transfer.bundle.streams import STREAMS, Site

_PIECE = 256 * 1024


@dataclass(frozen=True, kw_only=True)
class BundleFacts:
    """What the writer is told about a bundle; the rest of the header follows from it.

    `created_at` is aware. `digest`: of a delta, that of the snapshot that it stands for; else None (a snapshot's is
    computed, a log has none). `hello`: in holdings alone. `software`: "airferry/<version>".
    """

    batch_id: UUID
    stream: str
    mode: Literal["batch", "delta", "snapshot"]
    seq: int
    created_at: datetime
    source: Site
    destination: Site
    software: str
    schema: int = 1
    digest: str | None = None
    hello: Hello | None = None
    audit_head: AuditHead | None = None


@dataclass(frozen=True, kw_only=True)
class WrittenBundle:
    """A bundle on the disk: first at its `.part` path, after `publish` at its own. `checksum`: SHA-256 of the file,
    hex.
    """

    path: Path
    filename: str
    header: Header
    checksum: str
    size: int

    @property
    def batch_id(self) -> UUID:
        """The header's batch id."""
        return self.header.batch_id

    @property
    def record_count(self) -> int:
        """The header's record count."""
        return self.header.record_count

    @property
    def digest(self) -> str | None:
        """The header's digest."""
        return self.header.digest

    @property
    def sidecar(self) -> Sidecar:
        """What has to lie beside it."""
        return build_sidecar(self.header, size=self.size, checksum=self.checksum)


def write_bundle(
    directory: Path,
    facts: BundleFacts,
    records: Iterable[bytes],
    *,
    signing: SigningKey,
    recipient: BoxPublicKey,
    limits: Limits = DEFAULT_LIMITS,
    compression: Compression = "zstd",
) -> WrittenBundle:
    """Write, verify and publish a bundle with its sidecar and latest.json. `records`: lines without LF. Raises as
    its steps.
    """
    part = write_part(
        directory, facts, records, signing=signing, recipient=recipient, limits=limits, compression=compression
    )
    written = publish(part)
    write_sidecar(written)
    write_latest(written)
    return written


def write_part(
    directory: Path,
    facts: BundleFacts,
    records: Iterable[bytes],
    *,
    signing: SigningKey,
    recipient: BoxPublicKey,
    limits: Limits = DEFAULT_LIMITS,
    compression: Compression = "zstd",
) -> WrittenBundle:
    """Write `<name>.part` in `directory`, fsync it, verify it as a receiver would; an error leaves nothing behind.

    Raises BundleError with the code that a receiver would give, FileExistsError where a part of this name exists,
    OSError (disk full), ValueError for a recipient's key that can't be used.
    """
    dek = os.urandom(DEK_SIZE)
    wrapped = recipient.wrap(dek, wrap_info(facts.source, facts.destination, str(facts.batch_id)))
    with Spool(directory) as spool:
        tally = _Tally(records, facts, limits)
        for piece in compress(tally, compression):
            spool.write(piece)
        header = _make_header(facts, tally, signing, recipient, wrapped, compression)
        filename = bundle_name(header.stream, header.created_at, header.batch_id)
        part = directory / (filename + PART_SUFFIX)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            with os.fdopen(descriptor, "wb") as target:
                checksum, size = _write_file(target, header, spool.read(), dek, signing)
            written = WrittenBundle(path=part, filename=filename, header=header, checksum=checksum, size=size)
            _verify_part(written, signing, dek, limits)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    return written


def publish(part: WrittenBundle) -> WrittenBundle:
    """Give a part its final name and make that durable. Raises OSError."""
    final = part.path.with_name(part.filename)
    part.path.rename(final)
    sync_directory(final.parent)
    return replace(part, path=final)


def write_sidecar(written: WrittenBundle) -> Path:
    """Write the sidecar, last: its presence says that the bundle is complete. Writing it again is harmless. Raises
    OSError.
    """
    path = written.path.with_name(sidecar_name(written.filename))
    replace_atomically(path, encode_sidecar(written.sidecar))
    return path


def write_latest(written: WrittenBundle) -> None:
    """Replace the folder's latest.json by a copy of this bundle's sidecar: it decides nothing, and may be an older one
    after a power cut. Raises OSError.
    """
    replace_atomically(written.path.with_name(LATEST_NAME), encode_sidecar(written.sidecar), lasting=False)


def read_back(path: Path, own: Iterable[TrustedKey], own_site: Site, limits: Limits = DEFAULT_LIMITS) -> WrittenBundle:
    """What lies at a final name after a crash, or is about to be carried: hash, signature, header, name are checked.

    Raises BundleError as a receiver would, and bad_signature where it is not one of ours; OSError where it can't be
    read.
    """
    measured = measure(path, limits)
    envelope = check_envelope(measured)
    signer = check_signature(envelope, (), own)
    header = read_header(envelope, signer, own_site)
    check_name(path.name, header)
    return _written(measured, header)


class _Tally:
    """The payload of lines, in pieces, counted and digested; stops at the format's limits."""

    def __init__(self, lines: Iterable[bytes], facts: BundleFacts, limits: Limits) -> None:
        spec = STREAMS[facts.stream]
        self.count = 0
        self._lines = lines
        self._line_limit = limits.line
        self._most = spec.max_records(limits)
        self._room = spec.max_plaintext(limits)
        self._digest = hashlib.sha256()

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        gathered: list[bytes] = []
        size = 0
        for line in self._lines:
            self.count += 1
            self._room -= len(line) + 1
            if self._most is not None and self.count > self._most:
                raise BundleError(Code.TOO_MANY_RECORDS, f"more than the {self._most} records that are allowed")
            if len(line) > self._line_limit:
                raise BundleError(Code.LINE_TOO_LONG, f"line {self.count}: longer than {self._line_limit} bytes")
            if self._room < 0:
                raise BundleError(Code.TOO_LARGE, "more payload than a bundle of this stream may hold")
            if b"\n" in line:
                raise BundleError(Code.BAD_RECORD, f"line {self.count}: a line break inside a record")
            gathered.append(line)
            size += len(line) + 1
            if size >= _PIECE:
                yield self._join(gathered)
                gathered, size = [], 0
        if gathered:
            yield self._join(gathered)

    def _join(self, lines: list[bytes]) -> bytes:
        piece = b"\n".join([*lines, b""])
        self._digest.update(piece)
        return piece


def _make_header(
    facts: BundleFacts,
    tally: _Tally,
    signing: SigningKey,
    recipient: BoxPublicKey,
    wrapped: bytes,
    compression: Compression,
) -> Header:
    return Header(
        v=HEADER_VERSION,
        batch_id=facts.batch_id,
        stream=facts.stream,
        kind=STREAMS[facts.stream].kind,
        mode=facts.mode,
        seq=facts.seq,
        digest=tally.digest if facts.mode == "snapshot" else facts.digest,
        created_at=facts.created_at,
        record_count=tally.count,
        source=facts.source,
        destination=facts.destination,
        schema=facts.schema,
        alg=alg_of(recipient.kem),
        key_version=recipient.version,
        box_key=recipient.box_key,
        wrapped_key=base64.b64encode(wrapped).decode(),
        compression=compression,
        signer=signing.fingerprint,
        hello=facts.hello,
        audit_head=facts.audit_head,
        software=facts.software,
    )


def _write_file(
    target: BinaryIO, header: Header, packed: Iterable[bytes], dek: bytes, signing: SigningKey
) -> tuple[str, int]:
    """Write and fsync the whole file; its checksum and size."""
    digest = hashlib.sha256()
    size = 0

    def put(piece: bytes) -> None:
        nonlocal size
        target.write(piece)
        digest.update(piece)
        size += len(piece)

    header_bytes = encode_header(header)
    prefix = pack_prefix(header_bytes)
    put(prefix + header_bytes)
    body_begin, chunk_count = size, 0
    for chunk in seal_chunks(packed, dek, associated_data(prefix + header_bytes)):
        put(chunk)
        chunk_count += 1
    counts = pack_footer_counts(chunk_count, size - body_begin)
    put(counts)
    content_hash = digest.digest()
    put(content_hash)
    put(signing.sign(counts + content_hash))
    target.flush()
    os.fsync(target.fileno())
    return digest.hexdigest(), size


def _verify_part(part: WrittenBundle, signing: SigningKey, dek: bytes, limits: Limits) -> None:
    """Read the file again as a receiver would, every check; the payload key stands for the box key that only the
    receiver has.
    """
    envelope = check_envelope(measure(part.path, limits))
    key = TrustedKey(signing.site, signing.public, frozenset(STREAMS))
    header = read_header(envelope, check_signature(envelope, (key,)), part.header.destination)
    if envelope.file.checksum != part.checksum:
        raise OSError(f"{part.filename}: what was read back is not what was written")
    for _ in open_payload(envelope, header, dek, limits):
        pass


def _written(measured: MeasuredFile, header: Header) -> WrittenBundle:
    return WrittenBundle(
        path=measured.path,
        filename=measured.path.name,
        header=header,
        checksum=measured.checksum,
        size=measured.size,
    )
