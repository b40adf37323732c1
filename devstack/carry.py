"""The courier: the stick is plugged in on one side, then on the other; `media sync` does the rest."""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devstack.errors import DevstackError
from devstack.home import Home, Site
from devstack.processes import wait_until

_ANSWERS_S = 180.0
# What a bundle that was taken off the stick may end as, without anybody having to look
_SETTLED = {"completed", "duplicate", "dropped", "ignored"}


@dataclass
class Trip:
    """What went from one site to the other."""

    source: str
    destination: str
    folder: Path
    records: dict[str, int] = field(default_factory=dict)
    bundles: int = 0
    size: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        what = ", ".join(f"{stream} {count}" for stream, count in sorted(self.records.items())) or "nothing"
        return (
            f"{self.source} -> {self.destination}: {self.bundles} bundles, {self.size / 1024:,.1f} KiB "
            f"({what}) in {self.seconds:.1f} s"
        )


def carry(home: Home, source: Site) -> Trip:
    """One way: `media sync` on `source`, then on the other site.

    Returns when every bundle that was carried is settled. Raises DevstackError when one is quarantined or waits.
    """
    began = time.monotonic()
    trip = _leave(home, source)
    _arrive(home, home.other(source))
    trip.seconds = time.monotonic() - began
    return trip


def wait_for_answers(home: Home) -> float:
    """Wait until the response site has executed whatever came; seconds waited."""
    began = time.monotonic()
    left = "SELECT count(*) FROM incoming_requests WHERE status IN ('pending', 'processing', 'retry')"
    if not wait_until(lambda: home.response.query(left) == [(0,)], timeout_s=_ANSWERS_S, every_s=0.1):
        raise _unanswered(home, home.response.query(left)[0][0])
    return time.monotonic() - began


def round_trip(home: Home) -> tuple[Trip, float, Trip]:
    """Requests out, their execution waited for (seconds), answers back: three times plugged in."""
    began = time.monotonic()
    out = _leave(home, home.request)
    report = _arrive(home, home.response, wait_s=_ANSWERS_S)
    out.seconds = time.monotonic() - began - report["waited_s"]
    if report["unanswered"]:
        raise _unanswered(home, report["unanswered"])
    began = time.monotonic()
    back = _trip(home, home.response, report)
    _arrive(home, home.request)
    back.seconds = time.monotonic() - began
    return out, report["waited_s"], back


def _leave(home: Home, source: Site) -> Trip:
    return _trip(home, source, _sync(home, source))


def _arrive(home: Home, site: Site, *, wait_s: float = 0) -> dict[str, Any]:
    report = _sync(home, site, wait_s=wait_s)
    wrong = [each for each in report["taken"] if each["outcome"] not in _SETTLED or each["code"] == "record_conflict"]
    if wrong:
        named = "; ".join(f"{each['file']}: {each['code'] or each['outcome']}" for each in wrong)
        raise DevstackError(f"Not settled on the {site.name} site: {named}")
    return report


def _sync(home: Home, site: Site, *, wait_s: float = 0) -> dict[str, Any]:
    """The report of `media sync`."""
    # Nothing is mounted there: a folder of this name says that it is to be used as a stick
    (home.media / "airferry").mkdir(parents=True, exist_ok=True)
    said = site.manage("media", "sync", str(home.media), "--wait", str(wait_s), "--json", check=False)
    lines = [line for line in said.splitlines() if line.startswith('{"stick"')]
    report: dict[str, Any] = json.loads(lines[-1]) if lines else {"fault": {"detail": said.strip()}}
    if report["fault"] is not None:
        raise DevstackError(f"media sync on the {site.name} site: {report['fault']['detail']}")
    stays = [each for each in report["carried"] if each["fate"] in ("left", "missing")]
    if stays or report["not_exported"]:
        named = [f"{each['file']}: {each['detail']}" for each in stays] + report["not_exported"]
        raise DevstackError(f"Stays behind on the {site.name} site: {'; '.join(named)}")
    return report


def _trip(home: Home, source: Site, report: dict[str, Any]) -> Trip:
    folder = home.media / "airferry" / source.name / report["trip"]
    trip = Trip(source.name, home.other(source).name, folder)
    for each in report["carried"]:
        trip.bundles += 1
        trip.size += each["size"]
        trip.records[each["stream"]] = trip.records.get(each["stream"], 0) + each["records"]
    return trip


def _unanswered(home: Home, count: int) -> DevstackError:
    return DevstackError(
        f"{count} requests were not executed within {_ANSWERS_S:.0f} s. See {home.response.logs / 'worker.log'}."
    )
