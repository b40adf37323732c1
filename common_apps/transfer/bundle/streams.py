"""The nine streams: who writes each, what kind it is, and which records it carries."""

from dataclasses import dataclass
from typing import Literal

from common_apps.transfer.bundle import records
from common_apps.transfer.bundle.limits import DEFAULT_LIMITS, Limits

Site = Literal["request", "response"]
Kind = Literal["log", "state"]
REQUEST: Site = "request"
RESPONSE: Site = "response"
SITES: tuple[Site, ...] = (REQUEST, RESPONSE)
HOLDINGS = "holdings"


@dataclass(frozen=True, kw_only=True)
class StreamSpec:
    """A stream as this release writes it. A log's records have ids for ever; of a state the greater version
    replaces the smaller.

    `canonical`: its records are canonical JSON sorted by id, so that both sites can tell the digest from their rows.
    `deltas`: it may travel as the rows that changed.
    """

    name: str
    sources: frozenset[Site]
    kind: Kind
    record_types: tuple[type[records.Record], ...]
    schema: int = 1
    canonical: bool = False
    deltas: bool = False

    @property
    def modes(self) -> frozenset[str]:
        """The header modes that fit: a log is cut in batches, a state comes whole, or as a delta where it may."""
        if self.kind == "log":
            return frozenset({"batch"})
        return frozenset({"delta", "snapshot"}) if self.deltas else frozenset({"snapshot"})

    def max_records(self, limits: Limits = DEFAULT_LIMITS) -> int | None:
        """The most records in one bundle; None where only the size is limited."""
        return limits.log_records if self.kind == "log" else None

    def max_plaintext(self, limits: Limits = DEFAULT_LIMITS) -> int:
        """The most bytes of uncompressed payload in one bundle."""
        return limits.log_plaintext if self.kind == "log" else limits.state_plaintext


def peer_of(site: Site) -> Site:
    """The other of the two sites."""
    return RESPONSE if site == REQUEST else REQUEST


def streams_from(site: Site) -> tuple[str, ...]:
    """Names of the streams that `site` writes, in the order of the table."""
    return tuple(name for name, spec in STREAMS.items() if site in spec.sources)


def _spec(name: str, sources: set[Site], kind: Kind, *types: type[records.Record], **options: bool) -> StreamSpec:
    return StreamSpec(
        name=name,
        sources=frozenset(sources),
        kind=kind,
        record_types=types,
        canonical=options.get("canonical", False),
        deltas=options.get("deltas", False),
    )


STREAMS: dict[str, StreamSpec] = {
    spec.name: spec
    for spec in (
        _spec("requests", {REQUEST}, "log", records.Request, records.Cancel),
        _spec("results", {RESPONSE}, "log", records.Result),
        _spec("usage", {REQUEST}, "log", records.Usage),
        _spec("notifications", {RESPONSE}, "log", records.Notification),
        _spec("users", {RESPONSE}, "state", records.User, canonical=True, deltas=True),
        _spec("profile_types", {RESPONSE}, "state", records.ProfileType),
        _spec("settings", {RESPONSE}, "state", records.Setting),
        _spec("catalogue", {RESPONSE}, "state", records.Index, records.Dataset),
        _spec(HOLDINGS, {REQUEST, RESPONSE}, "state", records.State, records.Applied, records.Batch, records.Sent),
    )
}
