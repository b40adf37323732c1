"""Which site may write users and profile types: the one that declares it. Closed until somebody does.

The response site's AppConfig declares it; the request site's never does. Services, admin and API ask here, so that a
person gets a clear answer; the trigger of ``request_site.replica`` holds it against everything else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from common_apps.core.errors import DomainError

_declared = False


class ReplicaReadOnlyError(DomainError):
    """Users and profile types are a replica here."""

    def __init__(self) -> None:
        super().__init__(
            "replica_read_only",
            "Users and profile types are created and changed on the response site alone; "
            "change them there, and the next carry brings them here.",
        )


def declare_master() -> None:
    """This site is the master of users and profile types; said once, from AppConfig.ready."""
    global _declared
    _declared = True


def is_master() -> bool:
    """Whether users and profile types are written here."""
    return _declared


def require_master() -> None:
    """Raises ReplicaReadOnlyError on a replica."""
    if not _declared:
        raise ReplicaReadOnlyError


@contextmanager
def replica_import() -> Iterator[None]:
    """Lifts the replica's trigger for what runs inside, and for this transaction alone.

    Only the receivers of the users and profile_types streams come here. Raises RuntimeError outside a transaction,
    where the setting would be gone before the first write.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("a replica import runs inside a transaction")
    _set_lifted("on")
    yield
    # Not in a finally: after an error the transaction, or its savepoint, takes the setting back by itself.
    _set_lifted("off")


def _set_lifted(value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('airferry.replica_import', %s, true)", [value])
