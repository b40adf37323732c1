"""Turns what Django's validators and the database say into our errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError, models, transaction
from psycopg.errors import UniqueViolation

from common_apps.core.errors import DomainError, FieldFault


def check_model(instance: models.Model, *, faults: list[FieldFault] | None = None) -> None:
    """Raises DomainError: ``conflict`` for a name that is taken, else ``validation_failed`` with every fault."""
    found = list(faults or [])
    try:
        instance.full_clean(validate_constraints=False, validate_unique=False)
    except ValidationError as error:
        found += _faults(error)
    if found:
        raise DomainError("validation_failed", "Not saved; each fault is named in errors.", errors=found)


def password_faults(error: ValidationError) -> DomainError:
    """A password that the validators refuse, as our error."""
    return DomainError(
        "validation_failed",
        "The password is too weak: " + " ".join(error.messages),
        errors=[FieldFault("/password", "weak_password", message) for message in error.messages],
    )


@contextmanager
def names_are_unique(constraint: str | None, detail: str) -> Iterator[None]:
    """A transaction that looks at a (deferred) unique rule before it ends; ``conflict`` when it is broken."""
    try:
        with transaction.atomic():
            yield
            if constraint is not None:
                with transaction.get_connection().cursor() as cursor:
                    cursor.execute(f"SET CONSTRAINTS {constraint} IMMEDIATE")
                    cursor.execute(f"SET CONSTRAINTS {constraint} DEFERRED")
    except IntegrityError as error:
        if not isinstance(error.__cause__, UniqueViolation):
            raise
        raise DomainError("conflict", detail) from error


def _faults(error: ValidationError) -> list[FieldFault]:
    if not hasattr(error, "error_dict"):
        return [
            FieldFault("", item.code or "invalid", message) for item in error.error_list for message in item.messages
        ]
    return [
        FieldFault("" if name == NON_FIELD_ERRORS else f"/{name}", item.code or "invalid", " ".join(item.messages))
        for name, items in error.error_dict.items()
        for item in items
    ]
