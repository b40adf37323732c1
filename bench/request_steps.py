"""What the request site's process does in a cycle, and the reference of each part in bare SQL."""

import io
import itertools
import time
from typing import Any

from django.db import connection, transaction


def submit(count: int, user: str, first: int) -> dict[str, Any]:
    """Pending requests, each asking something that no cache knows. Not timed."""
    from common_apps.core import clock
    from common_apps.core.ids import new_id
    from request_site.submissions.models import Request

    rows = [
        Request(
            user_id=user,
            query_type="range",
            query_params={"index": "contracts", "query": {"range": {"amount": {"gte": first + number}}}, "size": 2},
            created_at=clock.now(),
            trace_id=new_id(),
        )
        for number in range(count)
    ]
    Request.objects.bulk_create(rows)
    return {}


def readable() -> dict[str, Any]:
    """How many are completed with their answers."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM requests JOIN responses ON responses.request_id = requests.id"
            " WHERE status = 'completed'"
        )
        return {"completed": cursor.fetchone()[0]}


def forget() -> dict[str, Any]:
    """Remove what still waits."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM requests WHERE status = 'pending'")
    return {}


def reference_export(count: int) -> dict[str, Any]:
    """Claim, COPY TO, and the status UPDATE of `count` pending rows, then rolled back."""
    out = io.BytesIO()
    with transaction.atomic():
        with connection.cursor() as cursor:
            began = time.perf_counter()
            cursor.execute(
                "CREATE TEMPORARY TABLE claimed ON COMMIT DROP AS SELECT id FROM requests WHERE is_waiting"
                " ORDER BY priority DESC, created_at, id LIMIT %s FOR UPDATE SKIP LOCKED",
                [count],
            )
            with cursor.copy(
                "COPY (SELECT row_to_json(r) FROM requests AS r JOIN claimed USING (id)) TO STDOUT"
            ) as copy:
                for block in copy:
                    out.write(block)
            cursor.execute("UPDATE requests SET status = 'failed' FROM claimed WHERE requests.id = claimed.id")
            taken = (time.perf_counter() - began) * 1000
        transaction.set_rollback(True)
    if out.getvalue().count(b"\n") != count:
        raise AssertionError("not all rows were copied")
    return {"ms": taken}


def fill_requests(count: int) -> dict[str, Any]:
    """An empty table, but for `count` pending requests whose records have some 600 bytes. Not timed."""

    from bench.bundles import make_records

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE requests CASCADE")
        with cursor.copy(
            "COPY requests (id, user_id, query_type, query_params, status, priority, created_at, retry_count,"
            " error_code, error_message, metadata, trace_id, recovered) FROM STDIN"
        ) as copy:
            for record in itertools.islice(make_records(), count):
                params = bytes(record.query_params).decode()
                copy.write_row(
                    (record.id, record.user_id, record.query_type, params, "pending", record.priority,
                     record.timestamp, 0, "", "", "{}", record.trace_id, False)
                )  # fmt: skip
        cursor.execute("VACUUM ANALYZE requests")
    return {}


def forget_requests() -> dict[str, Any]:
    """Empty the table."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE requests CASCADE")
    return {}


def reference_exports(count: int, each: int) -> dict[str, Any]:
    """Claim, COPY TO and the status UPDATE of `count` pending rows, `each` a committed transaction."""
    copied = 0
    began = time.perf_counter()
    for _ in range(0, count, each):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "CREATE TEMPORARY TABLE claimed ON COMMIT DROP AS SELECT id FROM requests WHERE is_waiting"
                " ORDER BY priority DESC, created_at, id LIMIT %s FOR UPDATE SKIP LOCKED",
                [each],
            )
            with cursor.copy(
                "COPY (SELECT row_to_json(r) FROM requests AS r JOIN claimed USING (id)) TO STDOUT"
            ) as copy:
                for block in copy:
                    copied += bytes(block).count(b"\n")
            cursor.execute("UPDATE requests SET status = 'failed' FROM claimed WHERE requests.id = claimed.id")
    taken = (time.perf_counter() - began) * 1000
    if copied != count:
        raise AssertionError(f"{copied} of {count} rows were copied")
    return {"ms": taken}


def reference_import(count: int) -> dict[str, Any]:
    """COPY of the newest `count` answers into a table of the same columns and indexes."""
    return {"ms": time_copy("responses", "received_at", count)}


def time_copy(table: str, newest_by: str, count: int) -> float:
    """Milliseconds of COPY FROM of a table's newest rows into an empty table LIKE it, rolled back."""
    out = io.BytesIO()
    with transaction.atomic():
        with connection.cursor() as cursor:
            # What the database computes itself can't be copied in.
            cursor.execute(
                "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute"
                " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''",
                [table],
            )
            [columns] = cursor.fetchone()
            newest = f"SELECT {columns} FROM {table} ORDER BY {newest_by} DESC LIMIT {int(count)}"
            with cursor.copy(f"COPY ({newest}) TO STDOUT (FORMAT binary)") as copy:
                for block in copy:
                    out.write(block)
            cursor.execute(f"CREATE TABLE reference (LIKE {table} INCLUDING ALL)")
            began = time.perf_counter()
            with cursor.copy(f"COPY reference ({columns}) FROM STDIN (FORMAT binary)") as copy:
                copy.write(out.getvalue())
            taken = (time.perf_counter() - began) * 1000
            cursor.execute("SELECT count(*) FROM reference")
            if cursor.fetchone()[0] != count:
                raise AssertionError("not all rows were copied")
        transaction.set_rollback(True)
    return taken


def fill_sent(count: int) -> dict[str, Any]:
    """Bundles of this site that are confirmed, and whose files are gone. Not timed."""
    forget_sent()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO export_batches (id, batch_type, mode, seq, schema, box_key, signer, filename, file_path,
                                        file_size_bytes, record_count, checksum, encrypted, status, created_at,
                                        completed_at, day, confirmed_at, confirmed_day, pruned_at, peer_code,
                                        error_message, metadata)
            SELECT md5('bench' || n)::uuid, 'requests', 'batch', n, 1, '', '', 'bench', '', 1, 1, 'bench', true,
                   'completed', now(), now(), 0, now(), (SELECT days FROM transfer_days), now(), '', '', '{}'
            FROM generate_series(1, %s) AS n
            """,
            [count],
        )
        cursor.execute("VACUUM ANALYZE export_batches")
    return {}


def forget_sent() -> dict[str, Any]:
    """Remove them."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM export_batches WHERE filename = 'bench'")
    return {}


def reference_ids_in(count: int) -> dict[str, Any]:
    """COPY of `count` ids into a temporary table."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM export_batches WHERE filename = 'bench'")
        text = "".join(f"{row[0]}\n" for row in cursor.fetchall())
        began = time.perf_counter()
        cursor.execute("CREATE TEMPORARY TABLE ids (id uuid)")
        with cursor.copy("COPY ids FROM STDIN") as copy:
            copy.write(text)
        taken = (time.perf_counter() - began) * 1000
        cursor.execute("DROP TABLE ids")
    if text.count("\n") != count:
        raise AssertionError("not all ids were copied")
    return {"ms": taken}


STEPS = {
    "fill_sent": fill_sent,
    "forget_sent": forget_sent,
    "reference_ids_in": reference_ids_in,
    "submit": submit,
    "readable": readable,
    "forget": forget,
    "reference_export": reference_export,
    "reference_import": reference_import,
    "fill_requests": fill_requests,
    "forget_requests": forget_requests,
    "reference_exports": reference_exports,
}
