"""Sticks to carry with: what lies on them, and the two sites' ends of a carry."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from common_apps.audit.actors import SYSTEM
from common_apps.transfer.bundle.names import sidecar_name
from common_apps.transfer.services.media import sync_media
from common_apps.transfer.services.media_report import SyncReport
from tests.common.transfer.kit import Peer

TRIP = "20261123_110000"


@dataclass
class Stick:
    """A folder that stands for a stick, or one that is mounted."""

    path: Path
    peer: Peer

    @property
    def theirs(self) -> Path:
        """A trip of the other site's, where ``peer.write`` may put bundles."""
        return self.path / "airferry" / self.peer.site / TRIP

    @property
    def own(self) -> Path:
        """This site's folder."""
        return self.path / "airferry" / self.peer.here

    def files(self) -> list[Path]:
        """This site's files."""
        return sorted(each for each in self.own.rglob("*") if each.is_file())

    def bundles(self) -> list[Path]:
        """This site's bundles; each has its sidecar, and nothing else lies there."""
        found = [each for each in self.files() if each.name.endswith(".enc")]
        beside = [each.with_name(sidecar_name(each.name)) for each in found]
        assert sorted([*found, *beside]) == self.files()
        return found

    def streams(self) -> Counter[str]:
        """How many bundles of each stream this site has there."""
        return Counter(each.name.rsplit("_", 3)[0] for each in self.bundles())

    def records(self, stream: str) -> list[UUID]:
        """The ids of the records of this site's bundles of a stream, as the other site reads them."""
        found = [each for each in self.bundles() if each.name.startswith(f"{stream}_")]
        return [record.id for each in found for record in self.peer.read(each)[1]]

    def sync(self, **options: Any) -> SyncReport:
        """One carry at this site."""
        return sync_media(path=self.path, actor=SYSTEM, **options)
