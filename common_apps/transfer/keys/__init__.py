"""The key folder: who this site is, what it can read, and whom it trusts. Plain Python, no Django."""

from common_apps.transfer.bundle.keypairs import BoxKey, BoxPublicKey, Kem, SigningKey
from common_apps.transfer.keys.errors import KeyFileError, KeyFolderError, KeysExistError, KeysMissingError, TrustError
from common_apps.transfer.keys.folder import KeyFolder
from common_apps.transfer.keys.peers import PublicKeys, TrustedPeer, TrustedSigningKey, read_public_file
from common_apps.transfer.keys.words import words_of

__all__ = [
    "BoxKey",
    "BoxPublicKey",
    "Kem",
    "KeyFileError",
    "KeyFolder",
    "KeyFolderError",
    "KeysExistError",
    "KeysMissingError",
    "PublicKeys",
    "SigningKey",
    "TrustError",
    "TrustedPeer",
    "TrustedSigningKey",
    "read_public_file",
    "words_of",
]
