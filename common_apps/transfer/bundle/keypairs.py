"""The two kinds of key: Ed25519 says who wrote a bundle, a box key (HPKE) who may read it.

Keys are raw bytes here; `transfer.keys` keeps them in files.
"""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from common_apps.transfer.bundle.layout import SIGNATURE_CONTEXT
from common_apps.transfer.bundle.streams import Site

SIGNING_KEY_SIZE = 32
_X25519_SIZE = 32
_MLKEM_SEED_SIZE = 64
_MLKEM_PUBLIC_SIZE = 1184


class Kem(StrEnum):
    """How the payload key is wrapped: X25519, or the post-quantum hybrid of ML-KEM-768 and X25519."""

    X25519 = "x25519"
    MLKEM768_X25519 = "mlkem768-x25519"


@dataclass(frozen=True)
class _Suite:
    alg: str
    suite: hpke.Suite
    private_size: int
    public_size: int
    wrapped_size: int


_SUITES = {
    Kem.X25519: _Suite(
        alg="HPKE-X25519/HKDF-SHA256/AES-256-GCM",
        suite=hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM),
        private_size=_X25519_SIZE,
        public_size=_X25519_SIZE,
        wrapped_size=80,
    ),
    Kem.MLKEM768_X25519: _Suite(
        alg="HPKE-MLKEM768-X25519/HKDF-SHA256/AES-256-GCM",
        suite=hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM),
        private_size=_MLKEM_SEED_SIZE + _X25519_SIZE,
        public_size=_MLKEM_PUBLIC_SIZE + _X25519_SIZE,
        wrapped_size=1168,
    ),
}
KEM_BY_ALG = {suite.alg: kem for kem, suite in _SUITES.items()}


def alg_of(kem: Kem) -> str:
    """The header's `alg` for bundles to a box key of this kem."""
    return _SUITES[kem].alg


def wrapped_size(kem: Kem) -> int:
    """Bytes of a wrapped payload key."""
    return _SUITES[kem].wrapped_size


def fingerprint_of(public: bytes) -> str:
    """SHA-256 of a raw public key, in hex: of a signing key its fingerprint, of a box key the header's `box_key`."""
    return hashlib.sha256(public).hexdigest()


@dataclass(frozen=True, kw_only=True)
class BoxPublicKey:
    """Whom a bundle is written to. `public` is raw: 32 bytes, or ML-KEM 1184 followed by X25519 32."""

    version: str
    kem: Kem
    public: bytes

    def __post_init__(self) -> None:
        suite = _SUITES[self.kem]
        if len(self.public) != suite.public_size:
            raise ValueError(f"a {self.kem} public key has {suite.public_size} bytes, not {len(self.public)}")

    @property
    def box_key(self) -> str:
        """SHA-256 of the raw public key, in hex."""
        return fingerprint_of(self.public)

    def wrap(self, dek: bytes, info: bytes) -> bytes:
        """HPKE base mode, single shot (RFC 9180 section 6.1). Raises ValueError for a public key that can't be used."""
        return _SUITES[self.kem].suite.encrypt(dek, self._load(), info=info)

    @property
    def is_usable(self) -> bool:
        """Whether anything can be written to it: some keys are well formed and yet of no use, X25519's zero for one."""
        try:
            self.wrap(bytes(32), b"")
        except ValueError:
            return False
        return True

    def _load(self) -> X25519PublicKey | hpke.MLKEM768X25519PublicKey:
        if self.kem is Kem.X25519:
            return X25519PublicKey.from_public_bytes(self.public)
        return hpke.MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(self.public[:_MLKEM_PUBLIC_SIZE]),
            X25519PublicKey.from_public_bytes(self.public[_MLKEM_PUBLIC_SIZE:]),
        )


@dataclass(frozen=True, kw_only=True)
class BoxKey:
    """A pair that opens bundles. `private` is raw: 32 bytes, or ML-KEM seed 64 followed by X25519 32."""

    version: str
    kem: Kem
    private: bytes = field(repr=False)
    status: str = "active"
    created_at: str = ""

    def __post_init__(self) -> None:
        suite = _SUITES[self.kem]
        if len(self.private) != suite.private_size:
            raise ValueError(f"a {self.kem} private key has {suite.private_size} bytes, not {len(self.private)}")

    @classmethod
    def generate(cls, *, version: str, kem: Kem, created_at: str = "") -> "BoxKey":
        """A fresh pair."""
        private = X25519PrivateKey.generate().private_bytes_raw()
        if kem is Kem.MLKEM768_X25519:
            private = MLKEM768PrivateKey.generate().private_bytes_raw() + private
        return cls(version=version, kem=kem, private=private, created_at=created_at)

    @property
    def public_key(self) -> BoxPublicKey:
        """The half that the other site is told."""
        public = X25519PrivateKey.from_private_bytes(self.private[-_X25519_SIZE:]).public_key().public_bytes_raw()
        if self.kem is Kem.MLKEM768_X25519:
            seed = self.private[:_MLKEM_SEED_SIZE]
            public = MLKEM768PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw() + public
        return BoxPublicKey(version=self.version, kem=self.kem, public=public)

    def unwrap(self, wrapped: bytes, info: bytes) -> bytes:
        """Open what `BoxPublicKey.wrap` made. Raises ValueError when it was not made for this key and info."""
        try:
            return _SUITES[self.kem].suite.decrypt(wrapped, self._load(), info=info)
        except InvalidTag:
            raise ValueError("the wrapped key does not open with this box key") from None

    def _load(self) -> X25519PrivateKey | hpke.MLKEM768X25519PrivateKey:
        x25519 = X25519PrivateKey.from_private_bytes(self.private[-_X25519_SIZE:])
        if self.kem is Kem.X25519:
            return x25519
        return hpke.MLKEM768X25519PrivateKey(
            MLKEM768PrivateKey.from_seed_bytes(self.private[:_MLKEM_SEED_SIZE]), x25519
        )


@dataclass(frozen=True, kw_only=True)
class SigningKey:
    """An Ed25519 pair of a site; `private` is the raw 32-byte seed."""

    site: Site
    version: str
    private: bytes = field(repr=False)
    status: str = "active"
    created_at: str = ""

    def __post_init__(self) -> None:
        if len(self.private) != SIGNING_KEY_SIZE:
            raise ValueError(f"a signing key has {SIGNING_KEY_SIZE} bytes, not {len(self.private)}")

    @classmethod
    def generate(cls, *, site: Site, version: str, status: str = "active", created_at: str = "") -> "SigningKey":
        """A fresh pair."""
        private = Ed25519PrivateKey.generate().private_bytes_raw()
        return cls(site=site, version=version, private=private, status=status, created_at=created_at)

    @property
    def public(self) -> bytes:
        """The raw public key."""
        return Ed25519PrivateKey.from_private_bytes(self.private).public_key().public_bytes_raw()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the raw public key, in hex."""
        return fingerprint_of(self.public)

    def sign(self, signed: bytes) -> bytes:
        """Sign the 48 footer bytes of a bundle, with the format's context before them."""
        return Ed25519PrivateKey.from_private_bytes(self.private).sign(SIGNATURE_CONTEXT + signed)


def signature_verifies(public: bytes, signature: bytes, signed: bytes) -> bool:
    """Whether `signature` over a bundle's 48 footer bytes is of the raw Ed25519 key `public`."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, SIGNATURE_CONTEXT + signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def wrap_info(source: str, destination: str, batch_id: str) -> bytes:
    """The HPKE info that binds a wrapped key to its bundle."""
    return b"airferry/1/dek\0" + b"\0".join(part.encode() for part in (source, destination, batch_id))
