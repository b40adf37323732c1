"""The streams of this site: requests go out, results come in.

Written in SQL: a batch is one statement, whatever its size, and query_params pass as the text that they are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from common_apps.core.binary_copy import read_rows
from common_apps.transfer.bundle.errors import Code, describe
from common_apps.transfer.bundle.records import Result
from common_apps.transfer.registry import Applied, Outgoing, Waiting
from request_site.submissions.services import enter_results
from request_site.submissions.services.cancel_delivery import (
    CANCEL_LINES,
    claim_cancels,
    confirm_cancels,
    count_waiting_cancels,
    end_cancels,
    mark_cancels_exported,
    reject_cancels,
    requeue_cancels,
)

_CLAIM = """
    WITH picked AS MATERIALIZED (
        SELECT id FROM requests WHERE is_waiting
        ORDER BY priority DESC, created_at, id LIMIT %s FOR UPDATE SKIP LOCKED
    )
    UPDATE requests SET status = 'queued', export_batch_id = %s FROM picked WHERE requests.id = picked.id
"""
# A text is quoted by to_json; ids and the time have one spelling that needs no quoting.
_READ = """
    SELECT id, concat(
        '{"type":"request","id":"', id, '","user_id":"', user_id,
        '","query_type":', to_json(query_type), ',"query_params":', query_params,
        ',"priority":', priority,
        ',"timestamp":"', to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        '","trace_id":"', trace_id, '"}'
    )
    FROM requests WHERE export_batch_id = %s AND status = 'queued'
"""
_READ_ALL = f"{_READ} UNION ALL {CANCEL_LINES} ORDER BY id"
_TRAVELLING = "('queued', 'exported', 'processing')"


class RequestSender:
    """Sends requests (a LogSender): pending -> queued -> exported -> processing, the most urgent first; and before all
    others the wishes to give some up.
    """

    def waiting(self) -> Waiting:
        """Pending requests and cancellations, and since when the oldest waits."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*), min(created_at) FROM requests WHERE is_waiting")
            requests, asked_at = cursor.fetchone()
        cancels, wished_at = count_waiting_cancels()
        return Waiting(requests + cancels, min((each for each in (asked_at, wished_at) if each), default=None))

    def claim(self, *, batch_id: UUID, limit: int) -> int:
        """Pins up to ``limit`` rows: priority first, then age. Rows that another exporter pins are passed over."""
        cancels = claim_cancels(batch_id=batch_id, limit=limit)
        return cancels + _execute(_CLAIM, [limit - cancels, batch_id])

    def read(self, *, batch_id: UUID) -> Iterator[Outgoing]:
        """The pinned rows as lines."""
        for row_id, line in read_rows(_READ_ALL, ("uuid", "bytea"), [batch_id, batch_id]):
            yield Outgoing(row_id, line)

    def mark_exported(self, *, batch_id: UUID, at: datetime) -> int:
        """Rows that are still queued are exported now."""
        requests = _execute(
            "UPDATE requests SET status = 'exported', exported_at = %s"
            " WHERE export_batch_id = %s AND status = 'queued'",
            [at, batch_id],
        )
        return requests + mark_cancels_exported(batch_id=batch_id)

    def confirm(self, *, batch_id: UUID, conflicts: Collection[UUID], at: datetime) -> None:
        """The other site has them; those that it set aside have failed."""
        if conflicts:
            self._fail(batch_id, "record_conflict", only=conflicts)
        _execute(
            "UPDATE requests SET status = 'processing' WHERE export_batch_id = %s AND status = 'exported'", [batch_id]
        )
        confirm_cancels(batch_id=batch_id)

    def requeue(self, *, batch_id: UUID, only: Collection[UUID] | None = None) -> int:
        """Rows without an answer wait again; the next claim gives them another bundle."""
        requests = _execute(
            f"UPDATE requests SET status = 'pending' WHERE export_batch_id = %s AND status IN {_TRAVELLING}"  # noqa: S608
            " AND (%s OR id = ANY(%s))",
            [batch_id, only is None, list(only or ())],
        )
        return requests + requeue_cancels(batch_id=batch_id, only=only)

    def end(self, *, batch_id: UUID, code: str, at: datetime) -> None:
        """Its rows have failed with the code: the other site's operator has discarded the bundle."""
        self._fail(batch_id, code)
        end_cancels(batch_id=batch_id)

    def reject(self, *, batch_id: UUID, only: Collection[Any], code: str, at: datetime) -> int:
        """They have failed with the code: no bundle can hold them. Of wishes to cancel, the requests go on."""
        return self._fail(batch_id, code, only=only) + reject_cancels(batch_id=batch_id, only=only)

    def has_unanswered(self, *, batch_id: UUID) -> bool:
        """Whether a row that this bundle carried last still waits for its answer."""
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT EXISTS (SELECT FROM requests WHERE export_batch_id = %s AND status IN {_TRAVELLING})",  # noqa: S608
                [batch_id],
            )
            return bool(cursor.fetchone()[0])

    def _fail(self, batch_id: UUID, code: str, only: Collection[UUID] | None = None) -> int:
        return _execute(
            "UPDATE requests SET status = 'failed', error_code = %s, error_message = %s"  # noqa: S608
            f" WHERE export_batch_id = %s AND status IN {_TRAVELLING} AND (%s OR id = ANY(%s))",
            [code, _meaning(code), batch_id, only is None, list(only or ())],
        )


class ResultReceiver:
    """Enters results (a LogReceiver). The first answer of a request stands; a result is never in conflict."""

    def apply(self, records: Sequence[Result], *, import_batch_id: UUID, at: datetime) -> Applied:
        """Enters what is new; requests that were forgotten here come back with their answers."""
        entered = enter_results(results=records, import_batch_id=import_batch_id, at=at)
        return Applied(applied=entered, known=len(records) - entered)

    def after_commit(self, applied: Applied) -> None:
        """Nobody waits yet: results are read from the rows."""


def _meaning(code: str) -> str:
    """What the code says; a newer site may have codes that are not known here."""
    if code in set(Code):
        return f"The other site did not take the request. {describe(code).meaning}"
    return f"The other site did not take the request, and gave as its reason: {code}"


def _execute(statement: str, parameters: list[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.rowcount
