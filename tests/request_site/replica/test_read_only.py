"""Nothing but the import writes users and profile types here."""

from __future__ import annotations

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from common_apps.accounts.models import User
from common_apps.core.api.problems import REPLICA_SQLSTATE
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("table", ["users", "profile_types"])
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO {0} SELECT * FROM {0}",
        "UPDATE {0} SET priority = 9",
        "DELETE FROM {0}",
        "TRUNCATE {0} CASCADE",
        "INSERT INTO {0} SELECT * FROM {0} ON CONFLICT DO NOTHING",
        "COPY {0} FROM STDIN",
    ],
)
def test_sql_is_refused_when_it_writes_the_replica(table: str, statement: str) -> None:
    make_user("ada")
    errors = (DatabaseError, psycopg.DatabaseError)  # Django leaves psycopg's own for COPY
    with pytest.raises(errors, match="replica") as caught, transaction.atomic(), connection.cursor() as cursor:
        if statement.startswith("COPY"):
            with cursor.copy(statement.format(table)):
                pass
        else:
            cursor.execute(statement.format(table))
    error = caught.value if isinstance(caught.value, psycopg.Error) else caught.value.__cause__
    assert error.sqlstate == REPLICA_SQLSTATE
    assert User.objects.get().priority == 5
