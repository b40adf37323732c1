"""A bench for both sites: make bundles, sound or with one fault in them, and judge them as a receiver does."""

import base64
import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from common_apps.transfer.bundle import layout
from common_apps.transfer.bundle.chunks import associated_data, seal_chunks
from common_apps.transfer.bundle.envelope import (
    MeasuredFile,
    TrustedKey,
    check_envelope,
    check_signature,
    measure,
    take_copy,
)
from common_apps.transfer.bundle.errors import BundleError
from common_apps.transfer.bundle.header import Header
from common_apps.transfer.bundle.keypairs import BoxKey, Kem, SigningKey, alg_of, wrap_info
from common_apps.transfer.bundle.limits import DEFAULT_LIMITS, Limits
from common_apps.transfer.bundle.payload import compress
from common_apps.transfer.bundle.reader import check_name, open_payload, read_header
from common_apps.transfer.bundle.records import Record
from common_apps.transfer.bundle.streams import STREAMS, streams_from
from common_apps.transfer.bundle.writer import BundleFacts, WrittenBundle, write_bundle
from tests.plain.bundle.samples import facts_of, lines_of


@dataclass
class Workshop:
    """Keys of both sites, a folder to write to and a private one."""

    root: Path
    kem: Kem = Kem.X25519
    signing: dict[str, SigningKey] = field(init=False)
    box: dict[str, BoxKey] = field(init=False)

    def __post_init__(self) -> None:
        self.exports = self.root / "exports"
        self.private = self.root / "private"
        self.exports.mkdir()
        self.private.mkdir()
        self.signing = {site: SigningKey.generate(site=site, version="v1") for site in ("request", "response")}
        self.box = {site: BoxKey.generate(version="v1", kem=self.kem) for site in ("request", "response")}

    def write(self, stream: str, lines: Iterable[bytes] | None = None, **options: object) -> WrittenBundle:
        """A sound bundle by the project's own writer."""
        names = {"limits", "compression"}
        writing = {name: value for name, value in options.items() if name in names}
        facts = facts_of(stream, **{name: value for name, value in options.items() if name not in names})
        return write_bundle(
            self.exports,
            facts,
            lines_of(stream) if lines is None else lines,
            signing=self.signing[facts.source],
            recipient=self.box[facts.destination].public_key,
            **writing,
        )

    def forge(
        self,
        stream: str = "requests",
        *,
        payload: bytes | None = None,
        packed: bytes | None = None,
        header: dict[str, object] | None = None,
        header_bytes: Callable[[bytes], bytes] = lambda raw: raw,
        chunks: Callable[[list[bytes]], list[bytes]] = lambda sealed: sealed,
        dek: bytes | None = None,
        compression: str = "zstd",
        signer: str | None = None,
        facts: BundleFacts | None = None,
    ) -> Path:
        """A bundle whose outside is rightly hashed and signed, whatever is wrong inside."""
        facts = facts or facts_of(stream)
        payload = b"".join(line + b"\n" for line in lines_of(stream)) if payload is None else payload
        real_dek = os.urandom(32) if dek is None else dek
        recipient = self.box[facts.destination].public_key
        wrapped = recipient.wrap(real_dek, wrap_info(facts.source, facts.destination, str(facts.batch_id)))
        digest = hashlib.sha256(payload).hexdigest()
        fields = {
            "v": 1,
            "batch_id": str(facts.batch_id),
            "stream": facts.stream,
            "kind": STREAMS[facts.stream].kind,
            "mode": facts.mode,
            "seq": facts.seq,
            "digest": None if facts.mode == "batch" else digest,
            "created_at": "2026-11-23T14:05:06.789Z",
            "record_count": payload.count(b"\n"),
            "source": facts.source,
            "destination": facts.destination,
            "schema": 1,
            "alg": alg_of(recipient.kem),
            "key_version": "v1",
            "box_key": recipient.box_key,
            "wrapped_key": base64.b64encode(wrapped).decode(),
            "compression": compression,
            "signer": self.signing[facts.source].fingerprint,
            "hello": msgspec.to_builtins(facts.hello),
            "audit_head": None,
            "software": "airferry/0.1.0",
            **(header or {}),
        }
        fields = {name: value for name, value in fields.items() if value is not LEFT_OUT}
        raw_header = header_bytes(msgspec.json.encode(fields))
        before = layout.pack_prefix(raw_header) + raw_header
        body = b"".join(compress([payload], compression)) if packed is None else packed
        sealed = chunks(list(seal_chunks([body], real_dek, associated_data(before))))
        return self.seal(before, sealed, signer or facts.source, facts.batch_id)

    def seal(self, before: bytes, sealed: list[bytes], signer: str, name: object = "forged") -> Path:
        """Footer, hash and signature around what is given."""
        body = b"".join(sealed)
        counts = layout.pack_footer_counts(len(sealed), len(body))
        content_hash = hashlib.sha256(before + body + counts).digest()
        signature = self.signing[signer].sign(counts + content_hash)
        path = self.exports / f"{name}.forged"
        path.write_bytes(before + body + counts + content_hash + signature)
        return path

    def trusted(self, by: str) -> list[TrustedKey]:
        """Whom `by` trusts."""
        peer = "response" if by == "request" else "request"
        return [TrustedKey(peer, self.signing[peer].public, frozenset(streams_from(peer)))]

    def receive(
        self,
        path: Path,
        at: str = "response",
        *,
        limits: Limits = DEFAULT_LIMITS,
        name: str | None = None,
        copy: bool = True,
    ) -> tuple[Header, list[Record]]:
        """The whole order of trust but for the database; raises BundleError."""
        measured: MeasuredFile = take_copy(path, self.private, limits) if copy else measure(path, limits)
        envelope = check_envelope(measured)
        signer = check_signature(envelope, self.trusted(at))
        header = read_header(envelope, signer, at)
        if name is not None:
            check_name(name, header, header.stream)
        return header, list(open_payload(envelope, header, self.box[at], limits))

    def code_of(self, path: Path, at: str = "response", **options: object) -> str | None:
        """The code with which `path` is refused, or None where it is accepted."""
        try:
            self.receive(path, at, **options)
        except BundleError as error:
            return error.code
        return None


LEFT_OUT = object()
