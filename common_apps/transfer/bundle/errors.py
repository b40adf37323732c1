"""What can be wrong with a bundle: a closed list of codes, each with its meaning and its cure.

The admin, the log, the holdings and the tests share these codes; docs/bundle-format.md prints this table.
"""

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """Stable codes. The order of the first eight is the order in which a file is judged."""

    NOT_REGULAR = "not_regular"
    TOO_SMALL = "too_small"
    TOO_LARGE = "too_large"
    BAD_MAGIC = "bad_magic"
    UNSUPPORTED_VERSION = "unsupported_version"
    BAD_HEADER = "bad_header"
    TRUNCATED = "truncated"
    BAD_FOOTER = "bad_footer"
    BAD_HASH = "bad_hash"
    BAD_SIGNATURE = "bad_signature"
    UNTRUSTED_SIGNER = "untrusted_signer"
    WRONG_DESTINATION = "wrong_destination"
    STREAM_NOT_ALLOWED = "stream_not_allowed"
    NAME_NOT_ALLOWED = "name_not_allowed"
    SIDECAR_MISMATCH = "sidecar_mismatch"
    UNKNOWN_KEY = "unknown_key"
    DECRYPT_FAILED = "decrypt_failed"
    DECOMPRESS_FAILED = "decompress_failed"
    TOO_MANY_RECORDS = "too_many_records"
    LINE_TOO_LONG = "line_too_long"
    BAD_RECORD = "bad_record"
    COUNT_MISMATCH = "count_mismatch"
    DIGEST_MISMATCH = "digest_mismatch"
    DUPLICATE = "duplicate"
    BATCH_CONFLICT = "batch_conflict"
    ROLLED_BACK = "rolled_back"
    MISSING_BASE = "missing_base"
    MASS_REMOVAL = "mass_removal"
    RECORD_CONFLICT = "record_conflict"
    DISK_FULL = "disk_full"
    SITE_ROLLED_BACK = "site_rolled_back"


@dataclass(frozen=True)
class Description:
    """What a code says, and what a person does about it; one sentence each."""

    meaning: str
    cure: str


_DAMAGED = "Copy the file again from the stick; if that fails, the next carry brings it again by itself."
_BUG = "The other site wrote this: report it there with the detail. It can be released after an upgrade, or discarded."
_NOTHING = "Nothing to do."

_DESCRIPTIONS: dict[Code, Description] = {
    Code.NOT_REGULAR: Description(
        "The name is a bundle's, but what lies there is no plain file with one link.",
        "Look at what was put there; copy plain files only.",
    ),
    Code.TOO_SMALL: Description("The file is shorter than the smallest bundle.", _DAMAGED),
    Code.TOO_LARGE: Description(
        "The file, or what is packed in it, is larger than the limit.",
        "Raise the limit on this site if such a bundle is expected; else report it to the other site.",
    ),
    Code.BAD_MAGIC: Description("The file does not begin as a bundle does.", _DAMAGED),
    Code.UNSUPPORTED_VERSION: Description(
        "The format version, chunk size or reserved bytes are not ones this release knows.",
        "Upgrade this site, then import the file again from the quarantine.",
    ),
    Code.BAD_HEADER: Description("The header is too long, or not what the format asks for.", _BUG),
    Code.TRUNCATED: Description("The file has no footer at its end: it was cut, or something was added.", _DAMAGED),
    Code.BAD_FOOTER: Description("The counts in the footer do not fit the size of the file.", _DAMAGED),
    Code.BAD_HASH: Description("The bytes do not have the hash that the footer names.", _DAMAGED),
    Code.BAD_SIGNATURE: Description(
        "No key that this site trusts has signed the file.",
        "If the other site has new keys, compare their words, trust them, import the file again; else it is forged.",
    ),
    Code.UNTRUSTED_SIGNER: Description(
        "The header names another site than the one whose key signed it.",
        "Treat the file as forged, and look after the key that signed it.",
    ),
    Code.WRONG_DESTINATION: Description("The bundle is for another site.", "Carry it to the site that it names."),
    Code.STREAM_NOT_ALLOWED: Description(
        "The key that signed it may not write this stream.",
        "See which streams the peer is trusted with (keys list).",
    ),
    Code.NAME_NOT_ALLOWED: Description(
        "File name, folder and header do not say the same.",
        "Look at its preview, then import it again from the quarantine, where its name doesn't matter.",
    ),
    Code.SIDECAR_MISMATCH: Description(
        "The file .meta.json beside it can't be read, or says something else than the bundle.",
        "Copy bundle and sidecar again together, or import the bundle again from the quarantine.",
    ),
    Code.UNKNOWN_KEY: Description(
        "It is encrypted to a key of this site that has been retired.",
        "Nothing: the other site sends it again under the newer key.",
    ),
    Code.DECRYPT_FAILED: Description("The payload can't be decrypted with the key that the header names.", _BUG),
    Code.DECOMPRESS_FAILED: Description(
        "The payload is not one sound zstd frame with a window of at most 8 MiB.", _BUG
    ),
    Code.TOO_MANY_RECORDS: Description("It holds more records than a bundle of its kind may.", _BUG),
    Code.LINE_TOO_LONG: Description("A record is longer than a line may be.", _BUG),
    Code.BAD_RECORD: Description("A record is not what its stream's schema asks for, or stands twice.", _BUG),
    Code.COUNT_MISMATCH: Description("The number of records is not the one in the header.", _BUG),
    Code.DIGEST_MISMATCH: Description("The snapshot does not have the digest that its header names.", _BUG),
    Code.DUPLICATE: Description("This bundle was applied before.", _NOTHING),
    Code.BATCH_CONFLICT: Description(
        "A known batch id came with other bytes, rightly signed: only a stolen key or a bug does that.",
        "Alarm: find out who holds the other site's signing key before anything else is imported.",
    ),
    Code.ROLLED_BACK: Description("A newer version of this state has been applied already.", _NOTHING),
    Code.MISSING_BASE: Description(
        "The changes do not fit what this site has.", "Nothing: the other site sends a snapshot on the next trip."
    ),
    Code.MASS_REMOVAL: Description(
        "It would deactivate more than half of the active users.",
        "Ask the other site whether that is meant, then release or discard it.",
    ),
    Code.RECORD_CONFLICT: Description(
        "A record came with a known id and other content; the rest of the bundle was applied.",
        "Look at both: the first one stands. Report it to the other site.",
    ),
    Code.DISK_FULL: Description(
        "There is not twice the file's size free on the disk.", "Make room; the file is then tried again by itself."
    ),
    Code.SITE_ROLLED_BACK: Description(
        "This site knows less than the other one has seen of it: it was restored from a backup.",
        "Nothing for what the other site holds, it comes again; ask users to repeat what was never carried.",
    ),
}


def describe(code: str) -> Description:
    """Meaning and cure of a code. Raises ValueError for a code that is not in the list."""
    return _DESCRIPTIONS[Code(code)]


class BundleError(Exception):
    """A file that is refused. `code` is one of `Code`; `detail` says where and what, without secrets or key
    material.
    """

    def __init__(self, code: Code, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
