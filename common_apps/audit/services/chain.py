"""The hash chain over the audit log: what was sealed can't be changed, taken out or put in without a break."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from django.db import connection, transaction

from common_apps.audit.models import AuditChain, AuditLog
from common_apps.core.clock import to_wire
from common_apps.core.pages import in_pages
from common_apps.core.strict_json import dumps_canonical

GENESIS = "0" * 64
# One sealer at a time: the key of a PostgreSQL advisory lock that ends with the transaction.
_LOCK = 0x61_75_64_69_74
_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Break:
    """Where the chain no longer fits: its place, the audit row, and what is wrong."""

    seq: int
    audit_id: int
    detail: str


def seal() -> int:
    """Gives every row that has none its place in the chain; how many.

    Rows are taken as they are visible, by id: one whose transaction commits late gets a later place.
    """
    sealed = 0
    while True:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            seq, previous = head() or (0, GENESIS)
            rows = list(AuditLog.objects.filter(link__isnull=True).order_by("id")[:_BATCH])
            links = []
            for row in rows:
                seq, previous = seq + 1, link_hash(previous, row)
                links.append(AuditChain(seq=seq, audit=row, hash=previous))
            AuditChain.objects.bulk_create(links)
        sealed += len(rows)
        if len(rows) < _BATCH:
            return sealed


def head() -> tuple[int, str] | None:
    """(seq, hash) of the newest link, None before the first: what a bundle's ``audit_head`` tells the other site."""
    return AuditChain.objects.order_by("-seq").values_list("seq", "hash").first()


def verify() -> tuple[int, Break | None]:
    """(links checked, first break or None)."""
    previous, expected = GENESIS, 0
    for link in in_pages(AuditChain.objects.select_related("audit"), by="seq", size=_BATCH):
        expected += 1
        if link.seq != expected:
            return expected - 1, Break(expected, link.audit_id, f"link {expected} is missing")
        previous = link_hash(previous, link.audit)
        if link.hash != previous:
            return expected - 1, Break(link.seq, link.audit_id, "the row or a row before it was changed")
    return expected, None


def link_hash(previous: str, row: AuditLog) -> str:
    """SHA-256 over the hash before it and the row's columns as canonical JSON, hex."""
    columns = {
        "id": row.pk,
        "user_id": str(row.user_id) if row.user_id else None,
        "action": row.action,
        "resource_type": row.resource_type,
        "resource_id": row.resource_id,
        "ip_address": row.ip_address,
        "user_agent": row.user_agent,
        "request_data": row.request_data,
        "response_status": row.response_status,
        "created_at": to_wire(row.created_at),
        "metadata": row.metadata,
    }
    return hashlib.sha256(bytes.fromhex(previous) + dumps_canonical(columns)).hexdigest()
