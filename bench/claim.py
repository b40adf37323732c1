"""Claiming 500 rows: of a table that holds a million, against one that holds just those 500.

Run as `python -m bench.claim` under a site's settings; prints JSON {empty: [ms], full: [ms]}. Every claim is rolled
back. Of the million, half wait and half are answered. The rows are the bench's own: it empties the table first.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import django
from django.db import connection, transaction

from bench.measure import RUNS

CLAIM = 500
ROWS = 1_000_000

_FILL = {
    "request": """
        INSERT INTO requests (id, user_id, query_type, query_params, status, priority, created_at, result_received_at,
                              retry_count, error_code, error_message, metadata, trace_id, recovered)
        SELECT uuidv7(), uuidv4(), 'match',
               '{"index":"contracts","query":{"match":{"title":"flood control"}},"size":10}',
               CASE WHEN n %% 2 = 0 OR %(pending)s THEN 'pending' ELSE 'completed' END, 1 + n %% 10,
               now() - n * interval '1 second', now(), 0, '', '', '{}', uuidv4(), false
        FROM generate_series(1, %(rows)s) AS n
    """,
    "response": """
        INSERT INTO incoming_requests (id, original_request_id, user_id, query_type, query_params, priority, asked_at,
                                       imported_at, status, available_at, assigned_worker, completed_at, retry_count,
                                       lost_leases, error_message, metadata, trace_id, record)
        SELECT uuidv7(), uuidv4(), uuidv4(), 'match',
               '{"index":"contracts","query":{"match":{"title":"flood control"}},"size":10}',
               1 + n %% 10, now() - n * interval '1 second', now(),
               CASE WHEN n %% 2 = 0 OR %(pending)s THEN 'pending' ELSE 'completed' END, now() - interval '1 hour', '',
               now(), 0, 0, '', '{}', uuidv4(), ''
        FROM generate_series(1, %(rows)s) AS n
    """,
}
_TABLES = {"request": "requests", "response": "incoming_requests"}


def main() -> None:
    """Measure this site's claim and print the figures."""
    django.setup()
    site = os.environ["DJANGO_SETTINGS_MODULE"].split("_")[0]
    claim = _claim_requests if site == "request" else _claim_incoming
    figures = {}
    for name, rows in (("empty", CLAIM), ("full", ROWS)):
        _fill(site, rows)
        figures[name] = _time(claim)
    _execute(f"TRUNCATE {_TABLES[site]} CASCADE")
    json.dump(figures, sys.stdout)


def _time(claim: Callable[[], int]) -> list[float]:
    taken = []
    for _ in range(RUNS + 1):
        with transaction.atomic():
            began = time.perf_counter()
            claimed = claim()
            taken.append((time.perf_counter() - began) * 1000)
            transaction.set_rollback(True)
        if claimed != CLAIM:
            raise AssertionError(f"{claimed} rows were claimed")
    return taken[1:]


def _claim_requests() -> int:
    from common_apps.core.ids import new_id
    from common_apps.transfer.registry import log_senders

    return log_senders["requests"].claim(batch_id=new_id(), limit=CLAIM)


def _claim_incoming() -> int:
    from common_apps.core import clock
    from response_site.execution.services.claim import claim_batch

    return len(claim_batch(worker="bench", limit=CLAIM, now=clock.now()))


def _fill(site: str, rows: int) -> None:
    _execute(f"TRUNCATE {_TABLES[site]} CASCADE")
    _execute(_FILL[site], {"rows": rows, "pending": rows == CLAIM})
    _execute(f"VACUUM ANALYZE {_TABLES[site]}")


def _execute(statement: str, parameters: dict[str, Any] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


if __name__ == "__main__":
    main()
