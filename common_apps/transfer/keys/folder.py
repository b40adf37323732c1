"""KEY_DIR: signing/v1.json, box/v1.json, trust.json."""

import re
from collections.abc import Callable
from dataclasses import replace as with_changes
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from common_apps.core.failpoints import failpoint
from common_apps.transfer.bundle.envelope import TrustedKey
from common_apps.transfer.bundle.forms import format_time
from common_apps.transfer.bundle.keypairs import BoxKey, Kem, SigningKey
from common_apps.transfer.bundle.streams import STREAMS, Site, streams_from
from common_apps.transfer.keys.errors import KeyFileError, KeysExistError, KeysMissingError, TrustError
from common_apps.transfer.keys.own import BoxFile, SigningFile, decode_box, decode_signing, encode_box, encode_signing
from common_apps.transfer.keys.peers import (
    PublicKeys,
    TrustedPeer,
    TrustFile,
    as_trusted,
    believe_first,
    decode_peer,
    encode_peer,
)
from common_apps.transfer.keys.storage import (
    alone_in,
    check_private_folder,
    create_private_file,
    make_private_folder,
    read_private_file,
    readable,
    replace_private_file,
)

FIRST_VERSION = "v1"

VERSION_FILE = re.compile(r"v([1-9][0-9]{0,8})\.json")
_File = TypeVar("_File")
_Key = TypeVar("_Key", SigningKey, BoxKey)


class KeyFolder:
    """The keys of one site. Every method reads the files anew and refuses modes looser than 0700 and 0400."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def generate(self, *, site: Site, created_at: datetime, kem: Kem = Kem.X25519) -> PublicKeys:
        """Make the first signing and box pair; what a run that broke off has left out is made up.

        Raises KeysExistError where both are there, KeyFileError for a folder that others may read or another site's.
        """
        for folder in (self.path, self.signing_dir, self.box_dir):
            make_private_folder(folder)
        signing = self.signing_keys()
        if signing and self.box_keys():
            raise KeysExistError(
                f"{self.path} holds the keys of the {signing[0].site} site already.",
                "Keep them: new ones would have to be trusted anew on the other site.",
            )
        if signing and signing[0].site != site:
            raise KeyFileError(
                f"{self.path} holds a signing key of the {signing[0].site} site.", f"Give {site} a KEY_DIR of its own."
            )
        moment = format_time(created_at)
        if not signing:
            signing_key = SigningKey.generate(site=site, version=FIRST_VERSION, created_at=moment)
            create_private_file(self.signing_dir / f"{FIRST_VERSION}.json", encode_signing(signing_key))
        if not self.box_keys():
            box_key = BoxKey.generate(version=FIRST_VERSION, kem=kem, created_at=moment)
            create_private_file(self.box_dir / f"{FIRST_VERSION}.json", encode_box(box_key))
        return self.public_keys()

    def has_own_keys(self) -> bool:
        """Whether both pairs are there. Raises KeyFileError."""
        return bool(self.signing_keys()) and bool(self.box_keys())

    def signing_keys(self) -> list[SigningKey]:
        """All own signing pairs, retired ones too, newest first; none where there is no folder. Raises KeyFileError."""
        return self._load(self.signing_dir, SigningFile, decode_signing)

    def box_keys(self) -> list[BoxKey]:
        """All own box pairs, retired ones too, newest first; none where there is no folder. Raises KeyFileError."""
        return self._load(self.box_dir, BoxFile, decode_box)

    def signing_key(self) -> SigningKey:
        """The newest signing pair that has not retired. Raises KeysMissingError, KeyFileError."""
        return self._newest(self.signing_keys(), "new", "active")

    def active_signing_key(self) -> SigningKey:
        """The newest signing pair whose public key the other site was given, or was seen to trust; where there is none,
        the newest. Raises KeysMissingError, KeyFileError.
        """
        keys = self.signing_keys()
        return self._newest([key for key in keys if key.status == "active"] or keys, "new", "active")

    def box_key(self) -> BoxKey:
        """The newest active box pair. Raises KeysMissingError, KeyFileError."""
        return self._newest(self.box_keys(), "active")

    def find_box_key(self, box_key: str) -> BoxKey | None:
        """The own pair whose public key has this SHA-256 (hex, the header's `box_key`), a retired one too; or None."""
        return next((key for key in self.box_keys() if key.public_key.box_key == box_key), None)

    def own_site(self) -> Site:
        """The site that these keys belong to. Raises KeysMissingError, KeyFileError."""
        return self.signing_key().site

    def own_trusted_keys(self) -> list[TrustedKey]:
        """All own signing keys, old ones too, to tell a bundle of ours come back. Raises KeyFileError."""
        return [TrustedKey(key.site, key.public, frozenset(STREAMS)) for key in self.signing_keys()]

    def public_keys(self) -> PublicKeys:
        """What the other site is told. Raises KeysMissingError, KeyFileError."""
        signing = self.signing_key()
        return PublicKeys(
            site=self.own_site(),
            signing_version=signing.version,
            signing=signing.public,
            box=self.box_key().public_key,
        )

    @readable()
    def peers(self) -> dict[Site, TrustedPeer]:
        """Whom this site trusts, by site; nobody where trust.json is not there. Raises KeyFileError."""
        try:
            check_private_folder(self.path)
            content = read_private_file(self.trust_file, TrustFile)
        except FileNotFoundError:
            return {}
        try:
            return {site: decode_peer(site, entry) for site, entry in content.peers.items()}
        except ValueError as error:
            raise KeyFileError(f"{self.trust_file}: {error}.", "Restore it, or trust the peer's file anew.") from None

    def peer(self, site: Site) -> TrustedPeer:
        """The other site. Raises KeysMissingError, KeyFileError."""
        try:
            return self.peers()[site]
        except KeyError:
            raise KeysMissingError(
                f"The {site} site is not trusted yet.",
                f"There: keys export-public. Here: keys trust {site}.pub.json, after comparing the words.",
            ) from None

    def trusted_keys(self) -> list[TrustedKey]:
        """What `check_signature` asks for: every believed key of every peer. Raises KeyFileError."""
        return [key for peer in self.peers().values() for key in peer.trusted_keys()]

    def trust(self, public: PublicKeys, *, replace: bool = False) -> bool:
        """Trust a peer's keys for all streams that it writes; whether anything changed.

        With `replace` a signing key that the peer had before retires (it is still believed), and its box key is
        forgotten. Raises TrustError for one's own keys, a revoked key, or, without `replace`, where the peer is trusted
        with other keys; KeysMissingError, KeyFileError, OSError.
        """
        if public.site == self.own_site():
            raise TrustError(f"These are keys of the {public.site} site, and so is this.", "Bring the other site's.")
        with alone_in(self.path):
            known = self.peers().get(public.site)
            if known is None:
                streams = frozenset(streams_from(public.site))
                known = TrustedPeer(site=public.site, signing=(), streams=streams, box=public.box)
            elif known.signing[:1] == (as_trusted(public.signing),) and known.box == public.box:
                return False
            elif not replace:
                raise TrustError(
                    f"The {public.site} site is trusted with other keys already.",
                    "If it really has new ones, compare their words, then say that the old ones are to be replaced.",
                )
            self.write_peer(with_changes(believe_first(known, public.signing), box=public.box))
        return True

    def write_peer(self, peer: TrustedPeer) -> None:
        """Replace what trust.json says of the peer. The caller is alone in the folder. Raises KeyFileError, OSError."""
        peers = self.peers() | {peer.site: peer}
        content = TrustFile(peers={site: encode_peer(each) for site, each in peers.items()})
        replace_private_file(self.trust_file, content)
        failpoint("keys.trust_written")

    @property
    def signing_dir(self) -> Path:
        """The own signing pairs."""
        return self.path / "signing"

    @property
    def box_dir(self) -> Path:
        """The own box pairs."""
        return self.path / "box"

    @property
    def trust_file(self) -> Path:
        """Whom this site trusts."""
        return self.path / "trust.json"

    @readable()
    def _load(self, folder: Path, kind: type[_File], decode: Callable[[_File], _Key]) -> list[_Key]:
        """The keys in `folder`, newest first. Raises KeyFileError."""
        if not folder.exists():
            return []
        check_private_folder(self.path)
        check_private_folder(folder)
        found: list[tuple[int, _Key]] = []
        for path in folder.iterdir():
            match = VERSION_FILE.fullmatch(path.name)
            if match is None:
                continue
            try:
                key = decode(read_private_file(path, kind))
                if key.version != path.stem:
                    raise ValueError(f"it holds the key {key.version}")
                found.append((int(match[1]), key))
            except ValueError as error:
                raise KeyFileError(f"{path}: {error}.", "Restore it from a backup of the key folder.") from None
        return [key for _, key in sorted(found, key=lambda entry: entry[0], reverse=True)]

    def _newest(self, keys: list[_Key], *statuses: str) -> _Key:
        for key in keys:
            if key.status in statuses:
                return key
        raise KeysMissingError(f"{self.path} holds no active keys.", "Make them with: keys generate")
