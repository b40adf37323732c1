"""What a stick does to bundles, between two sites that run: late, lost, damaged, delivered twice."""

import json
import shutil
from pathlib import Path

from devstack.carry import carry, wait_for_answers
from devstack.home import Home, Site
from devstack.processes import wait_until
from tests.round_trip.asking import ask_many, number, states
from tests.round_trip.outages import down


def bundles(site: Site, stream: str) -> list[Path]:
    """What lies in EXPORT_DIR, oldest first."""
    return sorted((Path(site.values()["EXPORT_DIR"]) / stream).glob("*.jsonl.enc"))


def deliver(bundle: Path, site: Site, *, flip: int | None = None) -> None:
    """Copies a bundle and its sidecar into the site's IMPORT_DIR, with one bit of byte `flip` the other way round, and
    waits until the watcher has settled it.
    """
    folder = Path(site.values()["IMPORT_DIR"]) / bundle.parent.name
    folder.mkdir(exist_ok=True)
    content = bytearray(bundle.read_bytes())
    if flip is not None:
        content[flip] ^= 1
    arrived = folder / bundle.name
    arrived.write_bytes(content)
    sidecar = Path(f"{bundle}.meta.json")
    shutil.copy(sidecar, folder / sidecar.name)
    assert wait_until(lambda: not arrived.exists(), timeout_s=60)


def test_request_is_processing_when_the_other_site_tells_that_it_has_it(home: Home, token: str) -> None:
    with down(home.response, "worker"):
        ids = ask_many(home.request, token, range(2_000, 2_003))
        carry(home, home.request)
        assert states(home.request, ids) == {"exported": 3}
        carry(home, home.response)
        assert states(home.request, ids) == {"processing": 3}
    wait_for_answers(home)
    carry(home, home.response)
    assert states(home.request, ids) == {"completed": 3}


def test_bundle_goes_again_with_the_same_bytes_when_the_stick_was_lost(home: Home, token: str) -> None:
    ids = ask_many(home.request, token, range(3_000, 3_002))
    home.request.manage("export_bundles")
    [lost] = bundles(home.request, "requests")
    before = lost.read_bytes()
    carry(home, home.response)  # the other site's holdings don't list it
    assert states(home.request, ids) == {"exported": 2}
    assert lost.read_bytes() == before
    trip = carry(home, home.request)
    assert trip.records["requests"] == 2
    wait_for_answers(home)
    carry(home, home.response)
    assert states(home.request, ids) == {"completed": 2}


def test_damaged_bundle_is_quarantined_and_the_sound_one_executed_once_when_both_arrive(home: Home, token: str) -> None:
    ids = ask_many(home.request, token, range(4_000, 4_002))
    home.request.manage("export_bundles")
    [sound] = bundles(home.request, "requests")
    deliver(sound, home.response, flip=sound.stat().st_size // 2)
    told = json.loads(home.response.manage("quarantine", "list", "--json"))
    assert [row["code"] for row in told if row["file"] == sound.name] == ["bad_hash"]
    for _ in range(2):
        deliver(sound, home.response)
    wait_for_answers(home)
    carry(home, home.response)
    assert states(home.request, ids) == {"completed": 2}
    assert number(home.response, "SELECT count(*) FROM incoming_requests") == number(
        home.response, "SELECT count(*) FROM query_results"
    )
    outcomes = f"SELECT status, met_count FROM import_batches WHERE filename = '{sound.name}' ORDER BY status"
    assert [status for status, _ in home.response.query(outcomes)] == ["completed", "failed"]
