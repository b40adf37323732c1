"""The rows that really leave and reach each site, where tests/common would otherwise have to know the site."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

import msgspec
from django.conf import settings

from common_apps.accounts.models import User
from common_apps.core import clock
from common_apps.core.ids import new_id
from common_apps.transfer.bundle import records
from common_apps.transfer.bundle.codec import encode_record
from tests.common.transfer.kit import request_record, result_record
from tests.factories import make_user


class RealRows(Protocol):
    """What a site has to say, and what it is told."""

    # The log stream that leaves the site, the one that reaches it, and the states that reach it.
    sent: str
    received: str
    states: tuple[str, ...]
    # What a sent row is once the other site has it.
    confirmed: str

    def add(self, count: int) -> list[UUID]:
        """Rows that wait to be exported, and something new in the states that leave; the rows' record ids."""
        ...

    def sent_rows(self) -> dict[UUID, str]:
        """Every row that leaves, by its record's id, with its state."""
        ...

    def coming(self) -> tuple[UUID, bytes]:
        """A record for this site: what ``arrived`` will know it by, and its line."""
        ...

    def arrived(self) -> Counter[UUID]:
        """How often each record was entered."""
        ...

    def state_lines(self, number: int) -> dict[str, list[bytes]]:
        """For each state that reaches the site its ``number``-th content."""
        ...

    def holds_state(self, number: int) -> bool:
        """Whether that is what is here."""
        ...


class RequestSiteRows:
    """Requests leave; answers and users come."""

    sent = "requests"
    received = "results"
    states = ("users",)
    confirmed = "processing"

    def __init__(self) -> None:
        from request_site.submissions.models import Request, Response

        self._requests = Request.objects
        self._responses = Response.objects
        self._users: list[records.User] = []

    def add(self, count: int) -> list[UUID]:
        params = {"index": "contracts", "query": {"match": {"title": "flood"}}}
        made = self._requests.bulk_create(
            self._requests.model(user_id=new_id(), query_type="match", query_params=params, created_at=clock.now())
            for _ in range(count)
        )
        return [row.pk for row in made]

    def sent_rows(self) -> dict[UUID, str]:
        # Those that came back with an answer never left from here.
        return dict(self._requests.filter(response=None).values_list("pk", "status"))

    def coming(self) -> tuple[UUID, bytes]:
        request_id = new_id()
        return request_id, encode_record(result_record(request_id=request_id, request=request_record(request_id)))

    def arrived(self) -> Counter[UUID]:
        return Counter(self._responses.values_list("request_id", flat=True))

    def state_lines(self, number: int) -> dict[str, list[bytes]]:
        while len(self._users) < number:
            self._users.append(_user(f"user-{len(self._users)}"))
        users = sorted(self._users[:number], key=lambda user: str(user.id))
        return {"users": [encode_record(user) for user in users]}

    def holds_state(self, number: int) -> bool:
        return User.objects.filter(absent=False).count() == number


class ResponseSiteRows:
    """Answers and users leave; requests come."""

    sent = "results"
    received = "requests"
    states = ()
    confirmed = "confirmed"

    def __init__(self) -> None:
        # What an import wakes is imported then: here once, and not in every process that is forked.
        import response_site.execution.tasks  # noqa: F401
        from response_site.execution.models import IncomingRequest, QueryResult

        self._requests = IncomingRequest.objects
        self._results = QueryResult.objects

    def add(self, count: int) -> list[UUID]:
        at = clock.now()
        asked = [
            self._requests.model(
                original_request_id=new_id(),
                user_id=new_id(),
                query_type="match",
                query_params={},
                asked_at=at - timedelta(minutes=1),
                imported_at=at,
                status="completed",
                completed_at=at,
                available_at=at,
                metadata={"answered": True},
            )
            for _ in range(count)
        ]
        self._requests.bulk_create(asked)
        made = self._results.bulk_create(
            self._results.model(
                request=row,
                original_request_id=row.original_request_id,
                status="completed",
                result_data={"took": 1},
                result_bytes=10,
                executed_at=at,
                pending_since=at,
            )
            for row in asked
        )
        make_user(f"user-{User.objects.count()}")
        return [row.pk for row in made]

    def sent_rows(self) -> dict[UUID, str]:
        return dict(self._results.values_list("pk", "delivery"))

    def coming(self) -> tuple[UUID, bytes]:
        record = request_record()
        return record.id, encode_record(record)

    def arrived(self) -> Counter[UUID]:
        came = self._requests.exclude(metadata={"answered": True})
        return Counter(came.values_list("original_request_id", flat=True))

    def state_lines(self, number: int) -> dict[str, list[bytes]]:
        return {}

    def holds_state(self, number: int) -> bool:
        return True


def real_rows() -> RealRows:
    """Those of the site whose tests are run."""
    sites: dict[str, Any] = {"request": RequestSiteRows, "response": ResponseSiteRows}
    rows: RealRows = sites[settings.SITE]()
    return rows


def _user(username: str) -> records.User:
    return msgspec.convert(
        {
            "type": "user",
            "id": str(new_id()),
            "username": username,
            "email": f"{username}@example.org",
            "hashed_password": "!",
            "full_name": "",
            "role": "user",
            "profile_type": "basic",
            "overrides": {},
            "rate_limit_per_minute": 10,
            "rate_limit_per_hour": 100,
            "rate_limit_per_day": 500,
            "priority": 5,
            "is_active": True,
            "deleted_at": None,
        },
        records.User,
    )
