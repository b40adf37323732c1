"""The header: a closed schema, parsed only after the signature over its bytes has been verified."""

import base64
import binascii
from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from common_apps.core import strict_json
from common_apps.transfer.bundle.errors import BundleError, Code
from common_apps.transfer.bundle.forms import (
    SHA256_PATTERN,
    UUID7_PATTERN,
    first_fault,
    form_checks,
    format_time,
)
from common_apps.transfer.bundle.keypairs import KEM_BY_ALG, BoxPublicKey, Kem, wrap_info, wrapped_size
from common_apps.transfer.bundle.layout import MAX_HEADER
from common_apps.transfer.bundle.streams import HOLDINGS, STREAMS, Kind, Site, StreamSpec

HEADER_VERSION: Final = 1
MAX_SEQ = 2**52
SOFTWARE_PATTERN = r"^airferry/[^ ]+\Z"

_MAX_INTEGER = 2**53 - 1
_HEADER_DEPTH = 8

Hex256 = Annotated[str, Meta(pattern=rf"^{SHA256_PATTERN}\Z")]
Base64 = Annotated[str, Meta(min_length=4, max_length=4096)]
VersionLabel = Annotated[str, Meta(pattern=r"^v[1-9][0-9]{0,8}\Z")]
Integer = Annotated[int, Meta(ge=0, le=_MAX_INTEGER)]
Positive = Annotated[int, Meta(ge=1, le=_MAX_INTEGER)]


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Closed: every field is present and no other."""


class AnnouncedBox(_Part, frozen=True):
    """A box key that the writer can open; `public` is base64 of the raw key. Its kem may be one this release
    doesn't know.
    """

    version: VersionLabel
    kem: Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,64}\Z")]
    public: Base64


class AnnouncedSigning(_Part, frozen=True):
    """A signing key of the writer; `public` is base64 of the raw Ed25519 key."""

    version: VersionLabel
    public: Base64


class Hello(_Part, frozen=True):
    """What the writer of holdings can read, signs with and trusts; newest keys first.

    `heard`: version of the peer's newest holdings that the writer has heeded, 0 for none.
    """

    heard: Annotated[int, Meta(ge=0, le=MAX_SEQ)]
    max_schema: Positive
    box: Annotated[list[AnnouncedBox], Meta(min_length=1, max_length=16)]
    signing: Annotated[list[AnnouncedSigning], Meta(min_length=1, max_length=16)]
    trusts: Annotated[list[Hex256], Meta(max_length=64)]

    def box_keys(self) -> list[BoxPublicKey]:
        """The announced box keys of a known kem, newest first."""
        return [
            BoxPublicKey(version=box.version, kem=Kem(box.kem), public=base64.b64decode(box.public))
            for box in self.box
            if box.kem in tuple(Kem)
        ]

    def signing_keys(self) -> list[bytes]:
        """The announced raw signing keys, newest first."""
        return [base64.b64decode(key.public) for key in self.signing]


class AuditHead(_Part, frozen=True):
    """The newest place in the writer's audit chain."""

    seq: Integer
    hash: Hex256


class Header(_Part, frozen=True):
    """Field by field as on the wire (docs/bundle-format.md, "Header")."""

    v: Literal[1]
    batch_id: UUID
    stream: str
    kind: Kind
    mode: Literal["batch", "delta", "snapshot"]
    seq: Annotated[int, Meta(ge=1, le=MAX_SEQ)]
    digest: Hex256 | None
    created_at: datetime
    record_count: Integer
    source: Site
    destination: Site
    schema: Positive
    alg: str
    key_version: VersionLabel
    box_key: Hex256
    wrapped_key: Base64
    compression: Literal["zstd", "none"]
    signer: Hex256
    hello: Hello | None
    audit_head: AuditHead | None
    software: Annotated[str, Meta(max_length=128, pattern=SOFTWARE_PATTERN)]

    @property
    def spec(self) -> StreamSpec:
        """The stream that the bundle belongs to."""
        return STREAMS[self.stream]

    @property
    def kem(self) -> Kem:
        """How the payload key is wrapped."""
        return KEM_BY_ALG[self.alg]

    @property
    def wrapped(self) -> bytes:
        """The wrapped payload key, raw."""
        return base64.b64decode(self.wrapped_key)

    @property
    def wrap_info(self) -> bytes:
        """The HPKE info of the wrapped key."""
        return wrap_info(self.source, self.destination, str(self.batch_id))


_DECODER = msgspec.json.Decoder(Header)
_FORMS = form_checks(Header)


def encode_header(header: Header) -> bytes:
    """The header's bytes. Raises BundleError bad_header when the result would be refused by `parse_header`."""
    fields = msgspec.to_builtins(header)
    fields["created_at"] = format_time(header.created_at)
    raw = msgspec.json.encode(fields)
    parse_header(raw)
    return raw


def parse_header(raw: bytes) -> Header:
    """Parse and check a header by itself. Raises BundleError bad_header.

    A schema newer than this release's is no fault here: such a bundle waits.
    """
    if len(raw) > MAX_HEADER:
        raise BundleError(Code.BAD_HEADER, f"its length is {len(raw)}, {MAX_HEADER} are allowed")
    try:
        plain = strict_json.loads(raw, max_depth=_HEADER_DEPTH)
        header = _DECODER.decode(raw)
    except (strict_json.StrictJsonError, msgspec.DecodeError, RecursionError) as error:
        raise BundleError(Code.BAD_HEADER, str(error)) from None
    assert isinstance(plain, dict)  # noqa: S101 - the struct decoder takes nothing but objects
    fault = first_fault(_FORMS, plain) or _fault_in(header)
    if fault is not None:
        raise BundleError(Code.BAD_HEADER, fault)
    return header


def decode_base64(text: str) -> bytes:
    """Base64 (RFC 4648 section 4) in its one form: padded, no blanks, no stray bits. Raises ValueError."""
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
    if base64.b64encode(raw).decode() != text:
        raise ValueError("not base64 in its one form")
    return raw


def _fault_in(header: Header) -> str | None:
    if header.stream not in STREAMS:
        return "stream: not one of this format"
    spec = header.spec
    kem = KEM_BY_ALG.get(header.alg)
    checks = (
        (header.batch_id.version == 7, f"batch_id: not a UUIDv7 ({UUID7_PATTERN})"),
        (header.kind == spec.kind, f"kind: {header.stream} is a {spec.kind} stream"),
        (header.mode in spec.modes, f"mode: {header.stream} travels as {' or '.join(sorted(spec.modes))}"),
        ((header.digest is None) == (spec.kind == "log"), "digest: a state stream has one, a log has none"),
        (
            header.schema > spec.schema or header.schema in spec.decoders,
            f"schema: {header.stream} never had a schema {header.schema}",
        ),
        (header.source != header.destination, "destination: the same as source"),
        (kem is not None, "alg: not one of this format"),
        ((header.hello is None) == (header.stream != HOLDINGS), "hello: in holdings, and there alone"),
        (not any(mark.isspace() or not mark.isprintable() for mark in header.software), "software: blanks in it"),
    )
    fault = next((text for sound, text in checks if not sound), None)
    if fault is not None or kem is None:
        return fault
    try:
        if len(decode_base64(header.wrapped_key)) != wrapped_size(kem):
            return f"wrapped_key: not the {wrapped_size(kem)} bytes of its alg"
        if header.hello is not None:
            return _fault_in_hello(header.hello)
    except ValueError as error:
        return f"wrapped_key: {error}"
    return None


def _fault_in_hello(hello: Hello) -> str | None:
    try:
        for box in hello.box:
            decode_base64(box.public)
        for key in hello.signing:
            if len(decode_base64(key.public)) != 32:
                return "hello.signing: an Ed25519 key has 32 bytes"
        hello.box_keys()
    except ValueError as error:
        return f"hello: {error}"
    return None
