"""Lets a transactional test's clean-up empty the tables whose triggers refuse it (audit, replica)."""

from collections.abc import Sequence
from typing import Any

import pytest

LIFTED = ("airferry.retention", "airferry.replica_import")


@pytest.fixture(scope="session", autouse=True)
def flush_past_triggers() -> Any:
    """Prefixes Django's flush, which is one transaction, with the settings that lift the triggers for it."""
    from django.db.backends.postgresql.operations import DatabaseOperations

    original = DatabaseOperations.sql_flush

    def sql_flush(self: DatabaseOperations, style: Any, tables: Sequence[str], **options: Any) -> list[str]:
        statements = original(self, style, tables, **options)
        return [f"SET LOCAL {name} = 'on'" for name in LIFTED] + statements if statements else []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", sql_flush)
        yield
