"""What the response site's process does in a cycle, and the reference of each part."""

import io
import time
from typing import Any

from django.db import connection, transaction

from bench.request_steps import time_copy


def execute() -> dict[str, Any]:
    """Drains, one after the other, until nothing waits."""
    from response_site.execution.services.drain import drain

    completed = 0
    while True:
        report = drain(worker="bench")
        completed += report.completed
        # A drain ends after a minute.
        if not report.left:
            return {"completed": completed}


def reference_import(count: int) -> dict[str, Any]:
    """COPY of the newest `count` requests into a table of the same columns and indexes."""
    return {"ms": time_copy("incoming_requests", "imported_at", count)}


def reference_execute(count: int, first: int) -> dict[str, Any]:
    """The engine's bare msearch of the same bodies, 50 at a time, by this one process."""
    from common_apps.queries.kinds.body import compile_body
    from response_site.search.registry import get_engine

    engine = get_engine()
    fields = engine.fields("contracts")
    requests = [
        compile_body(
            {
                "query_type": "range",
                "query_params": {"index": "contracts", "query": {"range": {"amount": {"gte": first + n}}}, "size": 2},
            },
            fields_of=lambda index: fields,
        ).request
        for n in range(count)
    ]
    began = time.perf_counter()
    for start in range(0, count, 50):
        engine.msearch(requests[start : start + 50], timeout_seconds=30)
    return {"ms": (time.perf_counter() - began) * 1000}


def reference_results(count: int) -> dict[str, Any]:
    """COPY of `count` results in, then claim, COPY TO and the status UPDATE of them, rolled back."""
    taken = time_copy("query_results", "pending_since", count)
    out = io.BytesIO()
    with transaction.atomic():
        with connection.cursor() as cursor:
            began = time.perf_counter()
            cursor.execute(
                "CREATE TEMPORARY TABLE claimed ON COMMIT DROP AS SELECT id FROM query_results"
                " ORDER BY pending_since DESC LIMIT %s FOR UPDATE SKIP LOCKED",
                [count],
            )
            with cursor.copy(
                "COPY (SELECT row_to_json(r) FROM query_results AS r JOIN claimed USING (id)) TO STDOUT"
            ) as copy:
                for block in copy:
                    out.write(block)
            cursor.execute(
                "UPDATE query_results SET pending_since = now() FROM claimed WHERE query_results.id = claimed.id"
            )
            taken += (time.perf_counter() - began) * 1000
        transaction.set_rollback(True)
    return {"ms": taken}


_kept: list[bytes] = []


def keep_copy() -> dict[str, Any]:
    """Keep the rows of the requests' table, to be copied in again. Not timed."""
    _kept.clear()
    with connection.cursor() as cursor, cursor.copy("COPY incoming_requests TO STDOUT") as copy:
        _kept.extend(bytes(row) for row in copy)
    return {}


def reference_imports(count: int, each: int) -> dict[str, Any]:
    """COPY of the kept rows into the same table, emptied before, `each` a committed transaction."""
    if len(_kept) != count:
        raise AssertionError(f"{len(_kept)} rows were kept")
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE incoming_requests CASCADE")
        batches = [b"".join(_kept[start : start + each]) for start in range(0, count, each)]
        began = time.perf_counter()
        for batch in batches:
            with cursor.copy("COPY incoming_requests FROM STDIN") as copy:
                copy.write(batch)
        taken = (time.perf_counter() - began) * 1000
    return {"ms": taken}


def forget_requests() -> dict[str, Any]:
    """Empty the requests' table, and forget the bundles that they came in."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE incoming_requests CASCADE")
        cursor.execute("DELETE FROM import_batches WHERE batch_type = 'requests'")
        cursor.execute("VACUUM ANALYZE incoming_requests")
    return {}


def fill_met(count: int) -> dict[str, Any]:
    """Bundles of the other site that are applied here. Not timed."""
    forget_requests()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO import_batches (id, source_batch_id, batch_type, mode, seq, schema, signer, filename, file_path,
                                        record_count, checksum, encrypted, status, created_at, processed_at, first_day,
                                        met_count, last_met_at, last_met_day, error_message, metadata)
            SELECT uuidv7(), md5('bench' || n)::uuid, 'requests', 'batch', n, 1, '', 'bench', '', 1, md5('bench' || n),
                   true, 'completed', now(), now(), 0, 1, now(), (SELECT days FROM transfer_days), '', '{}'
            FROM generate_series(1, %s) AS n
            """,
            [count],
        )
        cursor.execute("VACUUM ANALYZE import_batches")
    return {}


def reference_ids_out() -> dict[str, Any]:
    """COPY of the bundles' ids."""
    began = time.perf_counter()
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY (SELECT source_batch_id FROM import_batches WHERE filename = 'bench') TO STDOUT") as copy,
    ):
        for _ in copy:
            pass
    return {"ms": (time.perf_counter() - began) * 1000}


STEPS = {
    "fill_met": fill_met,
    "reference_ids_out": reference_ids_out,
    "keep_copy": keep_copy,
    "reference_imports": reference_imports,
    "forget_requests": forget_requests,
    "execute": execute,
    "reference_import": reference_import,
    "reference_execute": reference_execute,
    "reference_results": reference_results,
}
