"""Steps 5 and 7 of the order of trust: who may have written this, and what is in it."""

from collections.abc import Iterator

from common_apps.transfer.bundle.chunks import DEK_SIZE, associated_data, open_chunks
from common_apps.transfer.bundle.envelope import Envelope, Signer
from common_apps.transfer.bundle.errors import BundleError, Code
from common_apps.transfer.bundle.header import Header, parse_header
from common_apps.transfer.bundle.keypairs import BoxKey
from common_apps.transfer.bundle.limits import DEFAULT_LIMITS, Limits
from common_apps.transfer.bundle.names import bundle_name, parse_name
from common_apps.transfer.bundle.payload import decompress, read_records
from common_apps.transfer.bundle.records import Record


def read_header(envelope: Envelope, signer: Signer, own_site: str) -> Header:
    """Step 5: parse the header, now that its bytes are known to be the signer's.

    Raises BundleError bad_header, untrusted_signer, wrong_destination, stream_not_allowed, in this order. A bundle
    of one's own comes back from its destination's point of view: it is only parsed.
    """
    header = parse_header(envelope.header_bytes)
    if header.source != signer.site:
        raise BundleError(
            Code.UNTRUSTED_SIGNER, f"the header says {header.source}, the key that signed is {signer.site}'s"
        )
    if signer.own:
        return header
    if header.destination != own_site:
        raise BundleError(Code.WRONG_DESTINATION, f"it is for {header.destination}, this is {own_site}")
    if header.stream not in signer.streams or header.source not in header.spec.sources:
        raise BundleError(Code.STREAM_NOT_ALLOWED, f"{signer.site} may not write {header.stream} with this key")
    return header


def check_name(name: str, header: Header, folder: str | None = None) -> None:
    """Compare a base name, and the folder's name where it counts, with the header.

    Raises BundleError name_not_allowed.
    """
    right = bundle_name(header.stream, header.created_at, header.batch_id)
    if parse_name(name) is None or name != right:
        raise BundleError(Code.NAME_NOT_ALLOWED, f"its name should be {right}")
    if folder is not None and folder != header.stream:
        raise BundleError(Code.NAME_NOT_ALLOWED, f"it lies in {folder}, and belongs in {header.stream}")


def unwrap_key(header: Header, box: BoxKey) -> bytes:
    """The payload key. Raises BundleError decrypt_failed."""
    if box.kem is not header.kem:
        raise BundleError(Code.DECRYPT_FAILED, f"alg is not that of box key {box.version}")
    try:
        dek = box.unwrap(header.wrapped, header.wrap_info)
    except ValueError:
        raise BundleError(Code.DECRYPT_FAILED, f"the payload key does not open with box key {box.version}") from None
    if len(dek) != DEK_SIZE:
        raise BundleError(Code.DECRYPT_FAILED, f"the payload key has {len(dek)} bytes")
    return dek


def open_payload(
    envelope: Envelope, header: Header, key: BoxKey | bytes, limits: Limits = DEFAULT_LIMITS
) -> Iterator[Record]:
    """Step 7: unwrap, decrypt, decompress, parse and validate everything, one record at a time.

    `key`: the box key that the header names, or the payload key itself where the writer checks its own file. Any
    error makes the whole bundle unsound, records already yielded included: apply them in a transaction that the
    error rolls back, or run through once before. Raises BundleError decrypt_failed, decompress_failed, too_large,
    too_many_records, line_too_long, bad_record, count_mismatch, digest_mismatch: the first in the order of the
    bytes.
    """
    dek = key if isinstance(key, bytes) else unwrap_key(header, key)
    aad = associated_data(envelope.prefix + envelope.header_bytes)
    footer = envelope.footer
    with envelope.file.path.open("rb") as copy:
        copy.seek(envelope.body_offset)
        chunks = open_chunks(copy, footer.chunk_count, footer.body_length, dek, aad)
        yield from read_records(decompress(chunks, header.compression), header, limits)
