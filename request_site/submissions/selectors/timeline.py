"""How far a request has come: eight hops, what it waits for, and when past trips say that its answer will be here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from django.conf import settings

from common_apps.core import clock
from common_apps.transfer.bundle.errors import Code, describe
from request_site.submissions.choices import RequestStatus
from request_site.submissions.models import Request

# Name -> where the time is read, from the request; and what it means.
_HOPS: dict[str, tuple[str, str]] = {
    "submitted": ("created_at", "taken on this site"),
    "exported": ("exported_at", "sealed in a bundle"),
    "carried": ("export_batch__carried_at", "the bundle was last written to a stick"),
    "delivered": ("export_batch__confirmed_at", "the other site's list of what it holds came back and named it"),
    "executed": ("response__executed_at", "answered by the other site's search engine, by that site's clock"),
    "answer_exported": ("response__import_batch__sent_at", "the answer was sealed there, by that site's clock"),
    "answer_arrived": ("response__import_batch__created_at", "the answer's bundle was first met here"),
    "readable": ("result_received_at", "the answer was entered here"),
}
_FACTS = ("export_batch__trip", "export_batch__held_at", "export_batch__peer_code", "cancellation__asked_at")
# Past trips: enough to even out a late one, few enough to follow when a site's rhythm changes.
_SAMPLES = 200
_FEWEST_SAMPLES = 3


@dataclass(frozen=True, slots=True)
class Hop:
    """A step of the way; ``at`` is None while it is ahead, and for what was never told (a request recovered after a
    backup has few).
    """

    name: str
    meaning: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Timeline:
    """``waits_for``: a stable word, None once the request is final; ``detail`` says it in a sentence.

    ``expected_at``: when the answer should be readable, from ``samples`` past requests; None with fewer than three, and
    once there is nothing to wait for. ``overdue``: that time has passed.
    """

    hops: tuple[Hop, ...]
    waits_for: str | None
    detail: str
    trip: str | None
    cancel_asked_at: datetime | None
    expected_at: datetime | None
    overdue: bool
    samples: int


def describe_timeline(request: Request) -> Timeline:
    """The way of one request."""
    fields = [path for path, _ in _HOPS.values()]
    row = Request.objects.filter(pk=request.pk).values(*fields, *_FACTS, "status", "export_batch_id").get()
    hops = tuple(Hop(name, meaning, row[path]) for name, (path, meaning) in _HOPS.items())
    waits_for, detail = _waits_for(row)
    expected_at, samples = (None, 0) if waits_for is None else _expected(row, fields)
    return Timeline(
        hops=hops,
        waits_for=waits_for,
        detail=detail,
        trip=row["export_batch__trip"],
        cancel_asked_at=row["cancellation__asked_at"],
        expected_at=expected_at,
        overdue=expected_at is not None and expected_at < clock.now(),
        samples=samples,
    )


def _waits_for(row: dict[str, Any]) -> tuple[str | None, str]:
    status, trip = row["status"], row["export_batch__trip"]
    if status in RequestStatus.final():
        return None, f"It has ended: {status}."
    if status == RequestStatus.PENDING:
        again = " It travels again: the other site had not kept it." if row["export_batch_id"] else ""
        return "export", f"It leaves with the next bundle, in {settings.EXPORT_WAIT_SECONDS} s at most.{again}"
    if status == RequestStatus.QUEUED:
        return "export", "Its bundle is being written."
    if row["export_batch__held_at"] is not None:
        code = row["export_batch__peer_code"]
        meaning = describe(code).meaning if code in set(Code) else ""
        return (
            "operators",
            f"The other site holds its bundle in quarantine ({code}) until an operator decides. {meaning}",
        )
    if status == RequestStatus.PROCESSING:
        return "answer", "The other site has it: it is executed there, and its answer comes with a trip back."
    if row["export_batch__carried_at"] is None:
        return "carry", "Its bundle waits for the next trip."
    return "trip", f"It left with trip {trip}; the other site has not told yet that it came."


def _expected(row: dict[str, Any], fields: list[str]) -> tuple[datetime | None, int]:
    """From the newest hop of this request that past ones have, too: when, and from how many of them."""
    past = (
        Request.objects.filter(status=RequestStatus.COMPLETED, recovered=False)
        .order_by("-created_at", "-id")
        .values(*fields)[:_SAMPLES]
    )
    trips = list(past)
    end = fields[-1]
    for path in reversed(fields[:-1]):
        if row[path] is None:
            continue
        # A clock that was set between two hops makes nonsense of their distance.
        left = [trip[end] - trip[path] for trip in trips if trip[path] and trip[end] and trip[end] >= trip[path]]
        if len(left) >= _FEWEST_SAMPLES:
            return row[path] + _median(left), len(left)
    return None, 0


def _median(spans: list[timedelta]) -> timedelta:
    return timedelta(seconds=median(span.total_seconds() for span in spans))
