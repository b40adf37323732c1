"""After a backup was put back."""

from __future__ import annotations

from django.db import connection


def make_unanswered_pending() -> int:
    """Every request without an answer travels again, however old the backup; how many. In the caller's transaction.

    Of a bundle that the other site has lost from its list (it is older than that goes) nobody else would say so.
    """
    with connection.cursor() as cursor:
        cursor.execute("UPDATE requests SET status = 'pending' WHERE status IN ('queued', 'exported', 'processing')")
        return int(cursor.rowcount)
