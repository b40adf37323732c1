"""What an app says of its streams. What a bundle is and who holds it is transfer's alone; what its rows mean is the
app's.

An app writes ``streams.py`` with a sender or a receiver for each stream that it has here, and registers it from
``AppConfig.ready``: ``register_log_sender("requests", RequestSender())``. Names, kinds and record structs stand in
``common_apps.transfer.bundle.streams.STREAMS``. All methods run inside a transaction that transfer has opened.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable
from uuid import UUID

from common_apps.transfer.bundle.streams import HOLDINGS, STREAMS

# A record's id: a UUID, but for usage, whose ids are "user_id/hour". A stream has one kind alone.
RecordId = UUID | str


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits to be exported: how many rows, and since when the oldest does."""

    count: int
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One record on its way out: its row's id and its line as JSON, without LF."""

    id: RecordId
    line: bytes


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying a log bundle did. ``conflicts``: ids known here with another content; they are set aside."""

    applied: int = 0
    known: int = 0
    conflicts: tuple[RecordId, ...] = ()
    # Rows that the app's after_commit wants to know of (how many drains to wake, whom to notify).
    woken: dict[str, Any] = field(default_factory=dict)


class LogSender(Protocol):
    """The sending end of a log stream: rows that go pending -> queued (T1) -> exported (T2) -> confirmed."""

    def waiting(self) -> Waiting:
        """What waits."""
        ...

    def claim(self, *, batch_id: UUID, limit: int) -> int:
        """T1: pins up to ``limit`` pending rows to the batch (FOR UPDATE SKIP LOCKED), urgent first; how many.

        The batch's own row is entered behind them, in the same transaction: a foreign key to it has to be deferred.
        """
        ...

    def read(self, *, batch_id: UUID) -> Iterator[Outgoing]:
        """The pinned rows as wire records, in the order of their ids."""
        ...

    def mark_exported(self, *, batch_id: UUID, at: datetime) -> int:
        """T2: rows that are still queued become exported."""
        ...

    def confirm(self, *, batch_id: UUID, conflicts: Collection[UUID], at: datetime) -> None:
        """The peer has applied the batch; ``conflicts`` are the records that it set aside."""
        ...

    def requeue(self, *, batch_id: UUID, only: Collection[Any] | None = None) -> int:
        """Rows of the batch (or those of ``only``, ids as ``read`` gave them) are pending again, to travel in another;
        how many.

        Rows that need not travel any more (an answered request) stay as they are.
        """
        ...

    def end(self, *, batch_id: UUID, code: str, at: datetime) -> None:
        """The peer's operator has discarded the batch: nothing of it will ever be applied there."""
        ...

    def has_unanswered(self, *, batch_id: UUID) -> bool:
        """Whether a row of the batch still waits for an answer (only requests do)."""
        ...


@runtime_checkable
class RejectingSender(LogSender, Protocol):
    """A log's sender that can give up a row that no bundle can hold, so that the others go."""

    def reject(self, *, batch_id: UUID, only: Collection[Any], code: str, at: datetime) -> int:
        """These rows of the batch can't be written (``code`` is what a receiver would say of them): they fail, or
        something that can be written goes in their place; how many did.
        """
        ...


class LogReceiver(Protocol):
    """The receiving end of a log stream. Records come decoded (structs of bundle.records), sorted by id."""

    def apply(self, records: Sequence[Any], *, import_batch_id: UUID, at: datetime) -> Applied:
        """Enters what is not known yet. Applying a record again changes nothing."""
        ...

    def after_commit(self, applied: Applied) -> None:
        """Called once the transaction has committed: wakes whoever comes next."""
        ...


class StateSender(Protocol):
    """The sending end of a state stream. The caller reads inside one REPEATABLE READ snapshot."""

    def snapshot(self) -> Iterator[bytes]:
        """All records as canonical JSON lines (keys sorted, no spaces, UTF-8), sorted by id, without LF."""
        ...

    def mark_exported(self, *, seq: int, at: datetime) -> None:
        """The snapshot that was just read travels as version ``seq``, or in none at all should its file fail.

        Called in that snapshot's own transaction: what changes in between stops it (a serialization failure, and all
        is tried again), where in a later transaction the mark of that change would be lost.
        """
        ...


class StateReceiver(Protocol):
    """The receiving end of a state stream."""

    def apply_snapshot(self, records: Iterable[Any], *, import_batch_id: UUID, at: datetime) -> int:
        """Makes what is here equal to the records; how many rows changed."""
        ...

    def after_commit(self, changed: int) -> None:
        """Called once the transaction has committed."""
        ...


@runtime_checkable
class DeltaSender(StateSender, Protocol):
    """A state's sender that can also tell what has changed."""

    def delta(self, *, since: int) -> Iterator[bytes]:
        """Lines as of ``snapshot``, of the records alone that changed after version ``since`` was read.

        These are all that no version has carried yet, and those that last travelled in a version above it: a version
        whose file failed has carried nothing, and is above every one that the other site lists.
        """
        ...


@runtime_checkable
class DeltaReceiver(StateReceiver, Protocol):
    """A state's receiver that can also take in what has changed."""

    def apply_delta(self, records: Iterable[Any], *, import_batch_id: UUID, at: datetime) -> int:
        """Enters the records and leaves all others alone; how many rows changed."""
        ...

    def lines(self) -> Iterator[bytes]:
        """All that is here now, as the sender's ``snapshot`` has it: the digest of a delta is told from these."""
        ...


@dataclass(frozen=True, slots=True)
class Deactivated:
    """``gone`` of the ``before`` records that were active are so no more."""

    before: int
    gone: int


@runtime_checkable
class GuardedReceiver(StateReceiver, Protocol):
    """A state's receiver whose records must not be deactivated by the mass without an operator's word."""

    def watch_active(self) -> AbstractContextManager[Callable[[], Deactivated]]:
        """For a block within one transaction, in which a bundle is applied: what it gives counts, at any time, what the
        block has done so far.
        """
        ...


@dataclass(frozen=True, slots=True)
class Described:
    """A record for people: its name, whether it is active, and all that it says, as something to compare."""

    name: str
    active: bool
    content: int


@runtime_checkable
class DescribingReceiver(StateReceiver, Protocol):
    """A state's receiver that can tell, by name, what a bundle would change."""

    def describe(self) -> Iterator[tuple[UUID, Described]]:
        """Every record here by its id."""
        ...


log_senders: dict[str, LogSender] = {}
log_receivers: dict[str, LogReceiver] = {}
state_senders: dict[str, StateSender] = {}
state_receivers: dict[str, StateReceiver] = {}

unanswered_counts: list[Callable[[], int]] = []


def register_log_sender(stream: str, sender: LogSender) -> None:
    """This site sends the log stream."""
    log_senders[stream] = sender


def register_log_receiver(stream: str, receiver: LogReceiver) -> None:
    """This site applies the log stream."""
    log_receivers[stream] = receiver


def register_state_sender(stream: str, sender: StateSender) -> None:
    """This site is the master of the state stream."""
    state_senders[stream] = sender


def register_state_receiver(stream: str, receiver: StateReceiver) -> None:
    """This site holds the replica of the state stream."""
    state_receivers[stream] = receiver


def register_unanswered(count: Callable[[], int]) -> None:
    """``count`` tells how much of what has come is still being worked on: a carry may wait for its answers."""
    unanswered_counts.append(count)


def sent_streams() -> list[str]:
    """The streams that leave this site, holdings last: they tell of what the others have just sent."""
    here = [stream for stream in STREAMS if stream in log_senders or stream in state_senders]
    return sorted(here, key=lambda stream: stream == HOLDINGS)
