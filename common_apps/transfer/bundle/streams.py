"""The nine streams: who writes each, what kind it is, and which records it carries."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import or_
from typing import Any, Literal

import msgspec

from common_apps.transfer.bundle import records
from common_apps.transfer.bundle.limits import DEFAULT_LIMITS, Limits

Site = Literal["request", "response"]
Kind = Literal["log", "state"]
REQUEST: Site = "request"
RESPONSE: Site = "response"
SITES: tuple[Site, ...] = (REQUEST, RESPONSE)
HOLDINGS = "holdings"


@dataclass(frozen=True, kw_only=True)
class OlderSchema:
    """An earlier shape of a stream's records, which a site that is not upgraded yet still writes and reads.

    `upgrade` makes a record of this shape one of the newest, `downgrade` the other way round: a record keeps its id, so
    the order of a payload stays, and none is left out or becomes longer on the wire. Only here is the difference known:
    apps write and read the newest shape alone.
    """

    schema: int
    record_types: tuple[type[records.Record], ...]
    upgrade: Callable[[Any], records.Record]
    downgrade: Callable[[Any], records.Record]


@dataclass(frozen=True, kw_only=True)
class StreamSpec:
    """A stream as this release writes it. A log's records have ids for ever; of a state the greater version
    replaces the smaller.

    `schema`: the number of its newest shape. Numbers are counted over all streams, since a site tells only one, the
    greatest that it reads: a release that changes a stream takes the next number for it. `older`: its shapes before.
    `deltas`: it may travel as the rows that changed.
    """

    name: str
    sources: frozenset[Site]
    kind: Kind
    record_types: tuple[type[records.Record], ...]
    schema: int = 1
    older: tuple[OlderSchema, ...] = ()
    deltas: bool = False

    @property
    def canonical(self) -> bool:
        """Whether its records are canonical JSON sorted by id, so that both sites can tell the digest from their
        rows.
        """
        return all(each.canonical for each in self.record_types)

    @cached_property
    def decoders(self) -> dict[int, "msgspec.json.Decoder[Any]"]:
        """By schema, what reads a line of it."""
        shapes = {self.schema: self.record_types, **{each.schema: each.record_types for each in self.older}}
        return {schema: msgspec.json.Decoder(reduce(or_, shape)) for schema, shape in shapes.items()}

    def schema_for(self, max_schema: int) -> int:
        """The newest of its schemas that a site reads that reads up to `max_schema`; its oldest where there is none."""
        return max((each for each in self.decoders if each <= max_schema), default=min(self.decoders))

    def older_schema(self, schema: int) -> OlderSchema | None:
        """How to get from the newest shape to that of `schema` and back; None for the newest."""
        return next((each for each in self.older if each.schema == schema), None)

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


def greatest_schema(specs: Iterable[StreamSpec]) -> int:
    """The newest schema of any of the streams."""
    return max(spec.schema for spec in specs)


def _spec(name: str, sources: set[Site], kind: Kind, *types: type[records.Record], deltas: bool = False) -> StreamSpec:
    return StreamSpec(name=name, sources=frozenset(sources), kind=kind, record_types=types, deltas=deltas)


STREAMS: dict[str, StreamSpec] = {
    spec.name: spec
    for spec in (
        _spec("requests", {REQUEST}, "log", records.Request, records.Cancel),
        _spec("results", {RESPONSE}, "log", records.Result),
        _spec("usage", {REQUEST}, "log", records.Usage),
        _spec("notifications", {RESPONSE}, "log", records.Notification),
        _spec("users", {RESPONSE}, "state", records.User, deltas=True),
        _spec("profile_types", {RESPONSE}, "state", records.ProfileType),
        _spec("settings", {RESPONSE}, "state", records.Setting),
        _spec("catalogue", {RESPONSE}, "state", records.Index, records.Dataset),
        _spec(HOLDINGS, {REQUEST, RESPONSE}, "state", records.State, records.Applied, records.Batch, records.Sent),
    )
}
