"""How transactions are begun, and begun again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import structlog
from django.db import OperationalError, connection, transaction
from psycopg import errors

log = structlog.get_logger("transfer.transactions")

_TRIES = 5
_T = TypeVar("_T")


@contextmanager
def repeatable_read() -> Iterator[None]:
    """One snapshot for all that is read in the block. The stream's lock must be held before: a lock taken inside
    would come too late.
    """
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


def try_again(work: Callable[[], _T]) -> _T:
    """Does the work, which opens its own transaction: deadlocks and serialization failures pass when tried again."""
    for attempt in range(1, _TRIES + 1):
        try:
            return work()
        except OperationalError as error:
            passing = isinstance(error.__cause__, errors.DeadlockDetected | errors.SerializationFailure)
            if not passing or attempt == _TRIES:
                raise
            log.info("transaction tried again", attempt=attempt, reason=type(error.__cause__).__name__)
    raise AssertionError("unreachable")
