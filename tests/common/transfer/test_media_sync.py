"""`media sync`: what has come is taken, what has to go is on the stick, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from common_apps.audit.actors import SYSTEM
from common_apps.transfer.bundle import records
from common_apps.transfer.bundle.names import sidecar_name
from common_apps.transfer.models import ExportBatch
from common_apps.transfer.services.media import sync_media
from tests.common.transfer.kit import Peer, RowsReceiver, RowsSender, log_line

pytestmark = pytest.mark.django_db(transaction=True)

TRIP = "20261123_110000"


@pytest.fixture
def stick(tmp_path: Path, settings: Any) -> Path:
    """A folder that is allowed, and stands for a stick."""
    folder = tmp_path / "media" / "stick"
    (folder / "airferry").mkdir(parents=True)
    settings.MEDIA_ROOTS = (str(tmp_path / "media"),)
    return folder


def own(stick: Path, peer: Peer) -> list[Path]:
    """This site's files on the stick."""
    return sorted(each for each in (stick / "airferry" / peer.here).rglob("*") if each.is_file())


def came(stick: Path, peer: Peer, trip: str = TRIP) -> Path:
    """A trip of the other site's."""
    return stick / "airferry" / peer.site / trip


def test_sync_takes_and_leaves_when_both_sites_have_something(
    stick: Path, sender: RowsSender, receiver: RowsReceiver, peer: Peer, received: str, sent: str
) -> None:
    rows = sender.add(3)
    line = log_line(received)
    peer.write(received, [line], directory=came(stick, peer))
    report = sync_media(path=stick, actor=SYSTEM)
    assert (report.exit_code, report.fault, report.safe_to_remove) == (0, None, True)
    assert [each.outcome.outcome for each in report.taken] == ["completed"]
    assert len(receiver.arrived()) == 1
    assert {each.stream for each in report.carried} >= {"holdings", sent}
    assert {each.fate for each in report.carried} == {"written"}
    files = own(stick, peer)
    assert len(files) == 2 * len(report.carried)
    for each in report.carried:
        path = stick / "airferry" / peer.here / str(report.trip) / each.file
        header, _ = peer.read(path)
        assert path.with_name(sidecar_name(path.name)).is_file()
        assert header.batch_id == each.batch_id
    batch = ExportBatch.objects.get(batch_type=sent)
    assert (batch.trip, batch.carried_at is not None) == (report.trip, True)
    assert sender.states() == dict.fromkeys(rows, "exported")
    holdings = next(path for path in files if path.name.startswith("holdings") and path.suffix == ".enc")
    told = [each for each in peer.read(holdings)[1] if isinstance(each, records.Sent)]
    assert [(each.batch_id, each.trip) for each in told] == [(batch.id, report.trip)]


def test_sync_leaves_only_the_newest_holdings_when_nothing_else_has_to_go(
    stick: Path, sender: RowsSender, peer: Peer
) -> None:
    first = sync_media(path=stick, actor=SYSTEM)
    second = sync_media(path=stick, actor=SYSTEM)
    holdings = [each.name for each in own(stick, peer) if each.name.startswith("holdings")]
    assert len(holdings) == 2
    assert second.removed == 1
    assert second.trip != first.trip
    assert {each.fate for each in second.carried if each.stream != "holdings"} <= {"there"}
