"""The records of schema 1, one struct a `type`: exactly what stands on a line.

Ids are UUIDs and times are aware datetimes in UTC; on the wire both are text in one form (lower case; RFC 3339 with
Z). JSON that is only carried (`msgspec.Raw`) is kept as the bytes that came. Texts and numbers are bounded so that
what passes here fits the database.
"""

from datetime import datetime
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from msgspec import Meta, Raw, Struct

Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Version = Annotated[int, Meta(ge=0, le=2**52)]
Priority = Annotated[int, Meta(ge=1, le=10)]
Percent = Annotated[int, Meta(ge=0, le=100)]
Name = Annotated[str, Meta(min_length=1, max_length=100)]
Title = Annotated[str, Meta(max_length=255)]
CodeText = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,63}\Z")]
LogStream = Literal["requests", "results", "usage", "notifications"]
StateStream = Literal["users", "profile_types", "settings", "catalogue"]


class Record(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    """One line of a payload. Every field is present; an unknown one is refused. `canonical`: it is written as
    canonical JSON.
    """

    canonical: ClassVar[bool] = False

    def identity(self) -> object:
        """What must not stand twice in a bundle; None where a record has no id."""
        return getattr(self, "id", None)


# requests: request -> response


class Request(Record, frozen=True, tag="request"):
    """A question. `query_params`: raw JSON object of at most 64 KiB."""

    id: UUID
    user_id: UUID
    query_type: Name
    query_params: Raw
    priority: Priority
    timestamp: datetime
    trace_id: UUID


class Cancel(Record, frozen=True, tag="cancel"):
    """The wish that `request_id` be given up; `id` is its own."""

    id: UUID
    request_id: UUID
    user_id: UUID
    timestamp: datetime


# results: response -> request


class CacheUse(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether the answer came from the cache, and how old it was then (seconds; null without a hit)."""

    hit: bool
    age_s: Count | None


class Result(Record, frozen=True, tag="result"):
    """An answer. `result`: raw JSON, the engine's answer, a problem document, or null."""

    id: UUID
    request_id: UUID
    status: Literal["completed", "failed", "cancelled"]
    result: Raw
    result_count: Count | None
    execution_time_ms: Count | None
    elasticsearch_took_ms: Count | None
    cache: CacheUse
    executed_at: datetime | None
    trace_id: UUID | None
    request: Request | None


# usage: request -> response


class Usage(Record, frozen=True, tag="usage"):
    """Counts of one user in one hour, absolute: of two records the greater numbers stand. `id` is "user_id/hour"."""

    id: str
    user_id: UUID
    hour: datetime
    submitted: Count
    completed: Count
    failed: Count
    cancelled: Count


# notifications, users, profile_types, settings, catalogue: response -> request


class Notification(Record, frozen=True, tag="notification"):
    """A message to one user, or to all (`user_id` null)."""

    id: UUID
    user_id: UUID | None
    level: Annotated[str, Meta(min_length=1, max_length=20)]
    title: Title
    body: str
    created_at: datetime
    expires_at: datetime | None


class User(Record, frozen=True, tag="user"):
    """A user as the response site has it. The rate limits are the effective ones; `profile_type` is a profile's
    name.
    """

    canonical: ClassVar[bool] = True

    id: UUID
    username: Name
    email: Title
    hashed_password: Title
    full_name: Title
    role: Literal["user", "operator", "admin", "system"]
    profile_type: Name
    overrides: dict[str, object]
    rate_limit_per_minute: Count
    rate_limit_per_hour: Count
    rate_limit_per_day: Count
    priority: Priority
    is_active: bool
    deleted_at: datetime | None


class ProfileType(Record, frozen=True, tag="profile_type"):
    """A profile: limits, priority, and the names of the indices it may ask."""

    id: UUID
    name: Name
    rate_limit_per_minute: Count
    rate_limit_per_hour: Count
    rate_limit_per_day: Count
    priority: Priority
    soft_limit_percent: Percent
    max_size: Count
    indices: list[Name]


class Setting(Record, frozen=True, tag="setting"):
    """A setting; `id` is its key, `value` raw JSON of any kind."""

    id: Name
    value: Raw


class Field(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A field of an index and its Elasticsearch type."""

    name: Title
    type: Name


class Index(Record, frozen=True, tag="index"):
    """An index, its fields, and the names of the profiles that may ask it; `id` is its name."""

    id: Title
    title: Title
    fields: list[Field]
    profile_types: list[Name]

    def identity(self) -> object:
        return ("index", self.id)


class Dataset(Record, frozen=True, tag="dataset"):
    """What the filter chips mean on an index; `id` is its name, `metric` the field that totals are made of."""

    id: Title
    index: Title
    chips: dict[str, object]
    metric: Title | None

    def identity(self) -> object:
        return ("dataset", self.id)


# holdings: both ways


class Refused(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The newest refused bundle of a state stream, above the applied one."""

    seq: Version
    batch_id: UUID
    code: CodeText


class State(Record, frozen=True, tag="state"):
    """What is applied of a state stream of the peer: nothing is seq 0 and null."""

    stream: StateStream
    seq: Version
    batch_id: UUID | None
    refused: Refused | None

    def identity(self) -> object:
        return ("state", self.stream)


class Applied(Record, frozen=True, tag="applied"):
    """Log bundles of the peer that are applied here, as many lines as it takes. `batch_ids`: UUIDs, as texts in their
    one form, since making 200,000 objects of them takes longer than all else that is done with them.
    """

    stream: LogStream
    batch_ids: Annotated[list[str], Meta(max_length=1000)]


class Batch(Record, frozen=True, tag="batch"):
    """A log bundle of the peer that needs words; `records` names those in conflict."""

    stream: LogStream
    batch_id: UUID
    outcome: Literal["applied", "held", "discarded"]
    code: CodeText
    records: list[Title]

    def identity(self) -> object:
        return ("batch", self.batch_id)


class Sent(Record, frozen=True, tag="sent"):
    """An own log bundle that the peer has not confirmed; `trip` is the folder it went in, or null."""

    stream: LogStream
    batch_id: UUID
    seq: Version
    created_at: datetime
    record_count: Count
    trip: Annotated[str, Meta(pattern=r"^[0-9]{8}_[0-9]{6}(_[0-9]{1,6})?\Z")] | None

    def identity(self) -> object:
        return ("sent", self.batch_id)
