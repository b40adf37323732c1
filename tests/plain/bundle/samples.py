"""Records of every type, and facts of every stream, all the same at every run."""

from datetime import UTC, datetime
from uuid import UUID

from msgspec import Raw

from common_apps.transfer.bundle import records as r
from common_apps.transfer.bundle.codec import encode_record, usage_id
from common_apps.transfer.bundle.header import AnnouncedBox, AnnouncedSigning, AuditHead, Hello
from common_apps.transfer.bundle.streams import STREAMS, peer_of
from common_apps.transfer.bundle.writer import BundleFacts

MOMENT = datetime(2026, 11, 23, 14, 5, 6, 789000, tzinfo=UTC)
HOUR = datetime(2026, 11, 23, 14, tzinfo=UTC)
SOFTWARE = "airferry/0.1.0"


def uid(number: int) -> UUID:
    """A UUIDv7 that sorts by `number`."""
    return UUID(int=(0x019AB000_0000 << 80) | (7 << 76) | (2 << 62) | number)


def request(
    number: int = 1, params: bytes = b'{"index": "contracts", "query": {"match": {"title": "flood"}}}'
) -> r.Request:
    return r.Request(
        id=uid(number),
        user_id=uid(9000),
        query_type="match",
        query_params=Raw(params),
        priority=5,
        timestamp=MOMENT,
        trace_id=uid(8000),
    )


def user(number: int = 1) -> r.User:
    return r.User(
        id=uid(number),
        username=f"user{number}",
        email=f"user{number}@example.org",
        hashed_password="argon2$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA",
        full_name="Ана ني 李",
        role="user",
        profile_type="basic",
        overrides={"rate_limit_per_day": 7},
        rate_limit_per_minute=10,
        rate_limit_per_hour=100,
        rate_limit_per_day=500,
        priority=5,
        is_active=True,
        deleted_at=None,
    )


RECORDS: dict[str, list[r.Record]] = {
    "requests": [
        request(1),
        request(2, b'{"index":"contracts","query":{"term":{"contractor":"caf\xc3\xa9 \\u00e9 \\"x\\""}},"size":3}'),
        r.Cancel(id=uid(3), request_id=uid(1), user_id=uid(9000), timestamp=MOMENT),
    ],
    "results": [
        r.Result(
            id=uid(11),
            request_id=uid(1),
            status="completed",
            result=Raw(b'{"took": 3, "hits": {"total": {"value": 1}, "hits": [{"_id": "1", "_score": 1.5}]}}'),
            result_count=1,
            execution_time_ms=12,
            elasticsearch_took_ms=3,
            cache=r.CacheUse(hit=True, age_s=4),
            executed_at=MOMENT,
            trace_id=uid(8000),
            request=request(1),
        ),
        r.Result(
            id=uid(12),
            request_id=uid(3),
            status="cancelled",
            result=Raw(b"null"),
            result_count=None,
            execution_time_ms=None,
            elasticsearch_took_ms=None,
            cache=r.CacheUse(hit=False, age_s=None),
            executed_at=None,
            trace_id=None,
            request=None,
        ),
    ],
    "usage": [
        r.Usage(
            id=usage_id(uid(9000), HOUR), user_id=uid(9000), hour=HOUR, submitted=4, completed=3, failed=1, cancelled=0
        )
    ],
    "notifications": [
        r.Notification(
            id=uid(21), user_id=None, level="info", title="Hello", body="All", created_at=MOMENT, expires_at=None
        )
    ],
    "users": [user(1), user(2)],
    "profile_types": [
        r.ProfileType(
            id=uid(31),
            name="basic",
            rate_limit_per_minute=10,
            rate_limit_per_hour=100,
            rate_limit_per_day=500,
            priority=5,
            soft_limit_percent=80,
            max_size=1000,
            indices=["contracts"],
        )
    ],
    "settings": [r.Setting(id="cache.ttl", value=Raw(b'{"hot": 900, "normal": [1, 2.5, null]}'))],
    "catalogue": [
        r.Index(
            id="contracts", title="Contracts", fields=[r.Field(name="title", type="text")], profile_types=["basic"]
        ),
        r.Dataset(id="contracts", index="contracts", chips={"keywords": ["title"]}, metric="amount"),
    ],
    "holdings": [
        r.State(stream="users", seq=0, batch_id=None, refused=None),
        r.State(
            stream="settings",
            seq=5,
            batch_id=uid(41),
            refused=r.Refused(seq=6, batch_id=uid(42), code="digest_mismatch"),
        ),
        r.Applied(stream="results", batch_ids=[str(uid(43)), str(uid(44))]),
        r.Batch(stream="results", batch_id=uid(45), outcome="held", code="bad_record", records=[]),
        r.Sent(stream="requests", batch_id=uid(46), seq=3, created_at=MOMENT, record_count=2, trip="20261123_140506_2"),
    ],
}

HELLO = Hello(
    heard=0,
    max_schema=1,
    box=[
        AnnouncedBox(version="v2", kem="kyber-of-tomorrow", public="AAAA"),
        AnnouncedBox(version="v1", kem="x25519", public="CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    ],
    signing=[AnnouncedSigning(version="v1", public="CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")],
    trusts=["ab" * 32],
)


def lines_of(stream: str) -> list[bytes]:
    return [encode_record(record) for record in RECORDS[stream]]


def facts_of(stream: str, number: int = 100, **changes: object) -> BundleFacts:
    """Facts of a sound bundle of `stream`."""
    spec = STREAMS[stream]
    source = "response" if "response" in spec.sources else "request"
    facts: dict[str, object] = {
        "batch_id": uid(number),
        "stream": stream,
        "mode": "batch" if spec.kind == "log" else "snapshot",
        "seq": 1,
        "created_at": MOMENT,
        "source": source,
        "destination": peer_of(source),
        "software": SOFTWARE,
        "hello": HELLO if stream == "holdings" else None,
        "audit_head": AuditHead(seq=7, hash="cd" * 32),
    }
    return BundleFacts(**{**facts, **changes})
