"""A command's errors in plain text: what, where, and what to do; no traceback for what an operator can mend."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.core.management.base import CommandError
from django.db import ProgrammingError

from common_apps.core.errors import DomainError
from common_apps.core.outages import OUTAGES, name_outage
from common_apps.transfer.bundle.errors import BundleError, Code, describe
from common_apps.transfer.keys import KeyFolderError


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turns what the services raise into CommandError (exit 1)."""
    try:
        yield
    except DomainError as error:
        raise CommandError(error.detail) from error
    except KeyFolderError as error:
        raise CommandError(str(error)) from error
    except BundleError as error:
        raise CommandError(f"{error.code}: {error.detail}. {describe(error.code).cure}") from error
    except OUTAGES as error:
        raise CommandError(f"{name_outage(error)} does not answer; what was not done yet waits. Try again.") from error
    except ProgrammingError as error:
        if not isinstance(error.__cause__, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
            raise
        raise CommandError("The database lacks a table or column of this release: run the command setup.") from error
    except OSError as error:
        raise CommandError(_describe_fault(error)) from error


def _describe_fault(error: OSError) -> str:
    fault = f"{error.filename or 'a file or folder'}: {error.strerror or error}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{Code.DISK_FULL}: {fault}. {describe(Code.DISK_FULL).cure}"
    return f"{fault}. What was not done yet waits; mend it and try again."
