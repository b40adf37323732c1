"""What the tests of execution stand on: users, an index with documents, bundles that came across."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction

from common_apps.accounts.models import ProfileType, User
from common_apps.core.ids import new_id
from common_apps.queries.language import NormalizedRequest
from common_apps.queries.services import publish_index
from common_apps.transfer.bundle import records
from common_apps.transfer.bundle.codec import decode_record, encode_record
from common_apps.transfer.models import ExportBatch, ImportBatch
from common_apps.transfer.registry import Applied
from response_site.execution.models import QueryResult
from response_site.execution.streams import RequestReceiver, ResultSender
from response_site.search.engine import EngineFailure, EngineUnavailable, SearchEngine

INDEX = "rivers"
MAPPING = {
    "properties": {
        "name": {"type": "keyword"},
        "title": {"type": "text", "analyzer": "standard"},
        "length": {"type": "double"},
    }
}
FIELDS = {"name": "keyword", "title": "text", "length": "double"}
DOCUMENTS = [
    (str(number), {"name": f"river {number}", "title": f"flood control on river {number}", "length": float(number)})
    for number in range(1, 41)
]
AT = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)


def make_user(name: str = "asker", *, priority: int = 5, profile: str = "basic", is_active: bool = True) -> User:
    ProfileType.objects.get_or_create(name=profile)
    return User.objects.create(
        username=name, password="!", profile_type_id=profile, priority=priority, is_active=is_active
    )


def load_rivers(engine: SearchEngine) -> None:
    generation = engine.begin_generation(INDEX, MAPPING)
    engine.bulk(generation, DOCUMENTS)
    engine.refresh(generation)
    engine.publish_generation(INDEX, generation)


def publish_rivers(profiles: Sequence[str] | None = None) -> None:
    publish_index(name=INDEX, title="Rivers", fields=FIELDS, profile_types=profiles)


def ask(user: User | UUID, *, query_type: str = "match", asked_at: datetime = AT, **params: Any) -> records.Request:
    """A request as it comes across; without parameters it matches every river."""
    params = {"index": INDEX, "query": {"match": {"title": "flood"}}} | params
    return records.Request(
        id=new_id(),
        user_id=user.id if isinstance(user, User) else user,
        query_type=query_type,
        query_params=msgspec.Raw(json.dumps(params).encode()),
        priority=10,
        timestamp=asked_at,
        trace_id=new_id(),
    )


def bring(*items: records.Record, at: datetime = AT) -> Applied:
    """Applies the records as one bundle, as transfer does: decoded from their lines, sorted by id."""
    lines = [encode_record(item) for item in sorted(items, key=lambda item: item.identity())]
    with transaction.atomic():
        batch = ImportBatch.objects.create(batch_type="requests", created_at=at, last_met_at=at)
        return RequestReceiver().apply(
            [decode_record("requests", line) for line in lines], import_batch_id=batch.id, at=at
        )


def send(at: datetime = AT, *, limit: int = 500, seq: int = 1) -> tuple[UUID, list[records.Result]]:
    """T1, file and T2 of one bundle of results, read back as the other site would."""
    batch = ExportBatch.objects.create(batch_type="results", mode="batch", seq=seq, created_at=at)
    sender = ResultSender()
    sender.claim(batch_id=batch.id, limit=limit)
    lines = [outgoing.line for outgoing in sender.read(batch_id=batch.id)]
    sender.mark_exported(batch_id=batch.id, at=at)
    return batch.id, [decode_record("results", line) for line in lines]


def answer_of(request: records.Request) -> QueryResult:
    return QueryResult.objects.get(original_request_id=request.id)


def later(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


class Watched:
    """A real engine whose searches are counted, and which can be made to fail as an engine may."""

    def __init__(self, engine: SearchEngine) -> None:
        self._engine = engine
        self.searched: list[list[NormalizedRequest]] = []
        self.is_down = False
        self.failure: EngineFailure | None = None
        self.error: BaseException | None = None
        self.error_for: str | None = None

    def msearch(self, requests: Sequence[NormalizedRequest], **options: Any) -> list[Any]:
        self.searched.append(list(requests))
        if self.is_down:
            raise EngineUnavailable("nobody listens")
        if self.error is not None and any(self.error_for in (None, str(one.query)) for one in requests):
            raise self.error
        if self.failure is not None:
            return [self.failure] * len(requests)
        return self._engine.msearch(requests, **options)

    @property
    def count(self) -> int:
        return sum(map(len, self.searched))
