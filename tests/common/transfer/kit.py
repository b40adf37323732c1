"""A peer without a database, and apps with rows of their own: what transfer is tried on."""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from django.conf import settings
from django.db import connection
from django.db.models import F

from common_apps.audit.actors import SYSTEM
from common_apps.core.ids import new_id
from common_apps.transfer.bundle import envelope, records
from common_apps.transfer.bundle.codec import encode_record
from common_apps.transfer.bundle.envelope import check_envelope, check_signature, measure
from common_apps.transfer.bundle.header import AnnouncedBox, AnnouncedSigning, Header, Hello
from common_apps.transfer.bundle.keypairs import BoxPublicKey, SigningKey
from common_apps.transfer.bundle.names import sidecar_name
from common_apps.transfer.bundle.reader import open_payload, read_header
from common_apps.transfer.bundle.streams import STREAMS
from common_apps.transfer.bundle.writer import BundleFacts, WrittenBundle, publish, write_part, write_sidecar
from common_apps.transfer.keys import KeyFolder
from common_apps.transfer.keys.peers import encode_key
from common_apps.transfer.models import DayCounter
from common_apps.transfer.registry import Applied, Outgoing, Waiting
from common_apps.transfer.services import scan_imports
from common_apps.transfer.services.days import count_day

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LOG_FROM = {"request": "requests", "response": "results"}


def request_record(request_id: UUID | None = None, **changes: Any) -> records.Request:
    """A sound request."""
    values: dict[str, Any] = {
        "id": request_id or new_id(),
        "user_id": uuid4(),
        "query_type": "match",
        "query_params": msgspec.Raw(b'{"index":"contracts","query":{"match":{"title":"flood"}}}'),
        "priority": 5,
        "timestamp": NOON,
        "trace_id": uuid4(),
    }
    return records.Request(**(values | changes))


def result_record(record_id: UUID | None = None, **changes: Any) -> records.Result:
    """A sound answer."""
    values: dict[str, Any] = {
        "id": record_id or new_id(),
        "request_id": uuid4(),
        "status": "completed",
        "result": msgspec.Raw(b'{"took":1}'),
        "result_count": 0,
        "execution_time_ms": 1,
        "elasticsearch_took_ms": 1,
        "cache": records.CacheUse(hit=False, age_s=None),
        "executed_at": NOON,
        "trace_id": None,
        "request": None,
    }
    return records.Result(**(values | changes))


def log_line(stream: str, record_id: UUID | None = None) -> bytes:
    """A sound line of a log stream."""
    return encode_record(request_record(record_id) if stream == "requests" else result_record(record_id))


class RowsSender:
    """A LogSender over the table ``toy_rows`` (id, line, state, batch, answered), which the fixture makes."""

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.calls: list[tuple[str, UUID]] = []

    def add(self, count: int = 1, line: bytes | None = None) -> list[UUID]:
        """Pending rows; their ids."""
        ids = [new_id() for _ in range(count)]
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO toy_rows VALUES (%s, %s, 'pending', NULL, false)",
                [(each, (line or log_line(self.stream, each)).decode()) for each in ids],
            )
        return ids

    def states(self) -> dict[UUID, str]:
        """Every row's state."""
        return dict(self._all("SELECT id, state FROM toy_rows"))

    def waiting(self) -> Waiting:
        ((count,),) = self._all("SELECT count(*) FROM toy_rows WHERE state = 'pending'")
        return Waiting(count, NOON if count else None)

    def claim(self, *, batch_id: UUID, limit: int) -> int:
        return self._run(
            """UPDATE toy_rows SET state = 'queued', batch = %s WHERE id IN
            (SELECT id FROM toy_rows WHERE state = 'pending' ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)""",
            batch_id,
            limit,
        )

    def read(self, *, batch_id: UUID) -> Iterator[Outgoing]:
        rows = self._all("SELECT id, line FROM toy_rows WHERE batch = %s AND state = 'queued' ORDER BY id", batch_id)
        for row_id, line in rows:
            yield Outgoing(row_id, line.encode())

    def mark_exported(self, *, batch_id: UUID, at: datetime) -> int:
        return self._run("UPDATE toy_rows SET state = 'exported' WHERE batch = %s AND state = 'queued'", batch_id)

    def confirm(self, *, batch_id: UUID, conflicts: Collection[UUID], at: datetime) -> None:
        self.calls.append(("confirm", batch_id))
        self._run("UPDATE toy_rows SET state = 'confirmed' WHERE batch = %s AND state = 'exported'", batch_id)
        self._run("UPDATE toy_rows SET state = 'conflict' WHERE batch = %s AND id = ANY(%s)", batch_id, list(conflicts))

    def requeue(self, *, batch_id: UUID, only: Collection[UUID] | None = None) -> int:
        chosen = "" if only is None else " AND id = ANY(%s)"
        values = [batch_id] if only is None else [batch_id, list(only)]
        return self._run(
            f"UPDATE toy_rows SET state = 'pending', batch = NULL WHERE batch = %s AND NOT answered{chosen}", *values
        )

    def end(self, *, batch_id: UUID, code: str, at: datetime) -> None:
        self._run("UPDATE toy_rows SET state = %s WHERE batch = %s", f"ended {code}", batch_id)

    def has_unanswered(self, *, batch_id: UUID) -> bool:
        return bool(self._all("SELECT 1 FROM toy_rows WHERE batch = %s AND NOT answered LIMIT 1", batch_id))

    def _all(self, statement: str, *values: object) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def _run(self, statement: str, *values: object) -> int:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.rowcount


@dataclass
class RowsReceiver:
    """A LogReceiver over the table ``toy_arrived`` (id, content). ``woken`` is what after_commit was told."""

    woken: list[Applied] = field(default_factory=list)
    before: Any = None

    def apply(self, received: Sequence[Any], *, import_batch_id: UUID, at: datetime) -> Applied:
        if self.before is not None:
            self.before()
        entered, known, conflicts = 0, 0, []
        with connection.cursor() as cursor:
            for each in received:
                content = encode_record(each).decode()
                cursor.execute(
                    "INSERT INTO toy_arrived VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING 1", (each.id, content)
                )
                if cursor.fetchone():
                    entered += 1
                    continue
                cursor.execute("SELECT content FROM toy_arrived WHERE id = %s", (each.id,))
                if cursor.fetchone()[0] == content:
                    known += 1
                else:
                    conflicts.append(each.id)
        return Applied(entered, known, tuple(conflicts))

    def after_commit(self, applied: Applied) -> None:
        self.woken.append(applied)

    def arrived(self) -> set[UUID]:
        """The ids that were entered."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT id FROM toy_arrived")
            return {row[0] for row in cursor.fetchall()}

    def contents(self) -> list[str]:
        """The records that were entered, as lines."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT content FROM toy_arrived ORDER BY id")
            return [row[0] for row in cursor.fetchall()]


@dataclass
class Peer:
    """The other site as files: it writes what it is told to, and reads what it was sent."""

    keys: KeyFolder
    here: str
    site: str
    inbox: Path
    number: int = 0

    def write(
        self,
        stream: str,
        lines: Sequence[bytes],
        *,
        directory: Path | None = None,
        seq: int | None = None,
        mode: str | None = None,
        batch_id: UUID | None = None,
        signing: SigningKey | None = None,
        recipient: BoxPublicKey | None = None,
        sidecar: bool = True,
        **facts: Any,
    ) -> WrittenBundle:
        """A sound bundle in this site's IMPORT_DIR/<stream>, with its sidecar."""
        self.number += 1
        folder = directory or self.inbox / stream
        folder.mkdir(parents=True, exist_ok=True)
        default_mode = "batch" if STREAMS[stream].kind == "log" else "snapshot"
        values: dict[str, Any] = {
            "batch_id": batch_id or new_id(),
            "stream": stream,
            "mode": mode or default_mode,
            "seq": seq or self.number,
            "created_at": NOON,
            "source": self.site,
            "destination": self.here,
            "software": "airferry/test",
        }
        with pytest.MonkeyPatch.context() as patch:
            if facts.get("schema", 1) > STREAMS[stream].schema:
                # It has a newer release.
                patch.setitem(STREAMS, stream, replace(STREAMS[stream], schema=facts["schema"]))
            part = write_part(
                folder,
                BundleFacts(**(values | facts)),
                lines,
                signing=signing or self.keys.signing_key(),
                recipient=recipient or KeyFolder(Path(settings.KEY_DIR)).box_key().public_key,
            )
        written = publish(part)
        if sidecar:
            write_sidecar(written)
        return written

    def hello(self, **changes: Any) -> Hello:
        """What it would tell of itself."""
        box, signing = self.keys.box_key().public_key, self.keys.signing_key()
        values: dict[str, Any] = {
            "heard": 0,
            "max_schema": 1,
            "box": [AnnouncedBox(version="v1", kem=box.kem, public=encode_key(box.public))],
            "signing": [AnnouncedSigning(version="v1", public=encode_key(signing.public))],
            "trusts": [KeyFolder(Path(settings.KEY_DIR)).signing_key().fingerprint],
        }
        return Hello(**(values | changes))

    def tell(
        self, *listed: records.Record, seq: int | None = None, hello: dict[str, Any] | None = None, **options: Any
    ) -> WrittenBundle:
        """Its holdings."""
        lines = [encode_record(each) for each in listed]
        return self.write("holdings", lines, seq=seq, hello=self.hello(**(hello or {})), **options)

    def read(self, path: Path) -> tuple[Header, list[Any]]:
        """What this site has sent, as the peer reads it."""
        outside = check_envelope(measure(path))
        header = read_header(outside, check_signature(outside, self.keys.trusted_keys()), self.site)
        key = self.keys.find_box_key(header.box_key)
        assert key is not None
        return header, list(open_payload(outside, header, key))


def remove_with_sidecar(path: Path) -> None:
    """As a person who takes files away."""
    path.unlink()
    path.with_name(sidecar_name(path.name)).unlink()


def bad_sectors(monkeypatch: pytest.MonkeyPatch, filename: str) -> None:
    """From now on the file of this name can be opened, and not read."""
    whole = envelope._hash

    def read(source: Any, path: Path, *others: Any) -> Any:
        if path.name == filename:
            raise OSError(errno.EIO, "Input/output error")
        return whole(source, path, *others)

    monkeypatch.setattr(envelope, "_hash", read)


def scan(**options: Any) -> list[tuple[str, str | None]]:
    """Looks into IMPORT_DIR once: outcome and code of each file."""
    return [(each.outcome, each.code) for each in scan_imports(actor=SYSTEM, **options)]


def pass_days(count: int) -> None:
    """So many days pass by this site's own count."""
    count_day()
    DayCounter.objects.update(days=F("days") + count)
