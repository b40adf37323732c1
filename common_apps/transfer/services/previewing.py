"""What a quarantined file is, and what applying it would do: looked at, and taken back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import DatabaseError, OperationalError, connection, transaction
from psycopg import errors

from common_apps.core import clock
from common_apps.core.errors import DomainError
from common_apps.transfer.bundle.codec import snapshot_digest
from common_apps.transfer.bundle.envelope import Envelope, check_envelope, check_signature, measure
from common_apps.transfer.bundle.errors import BundleError, Code
from common_apps.transfer.bundle.header import Header
from common_apps.transfer.bundle.keypairs import BoxKey
from common_apps.transfer.bundle.limits import Limits
from common_apps.transfer.bundle.reader import check_name, open_payload, read_header
from common_apps.transfer.bundle.records import Record
from common_apps.transfer.bundle.streams import HOLDINGS
from common_apps.transfer.choices import ImportStatus
from common_apps.transfer.errors import TransferNotReadyError
from common_apps.transfer.keys import KeyFolder
from common_apps.transfer.limits import site_limits
from common_apps.transfer.models import AppliedState, ImportBatch
from common_apps.transfer.registry import DeltaReceiver, DescribingReceiver, log_receivers, state_receivers
from common_apps.transfer.selectors import describe_quarantined
from common_apps.transfer.services.peer import site_keys

MOST_NAMES = 20
PASSED = "passed"
NOT_REACHED = "not reached"
# What is checked, in this order; each begins only where the one before has passed.
STEPS = ("bytes", "signature", "header", "name", "version", "key", "contents")
# Applying on trial holds locks that an import waits for, and an operator waits for the page.
_PATIENCE = "SET LOCAL lock_timeout = '3s'; SET LOCAL statement_timeout = '20s'"


_WAITED = (errors.LockNotAvailable, errors.QueryCanceled, errors.DeadlockDetected)


@dataclass(frozen=True, slots=True)
class Check:
    """One step: ``passed``, ``not reached``, or the code of what is wrong, with a sentence."""

    name: str
    verdict: str = NOT_REACHED
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """How many records applying would create, change, deactivate (``what``), and some of their names."""

    what: str
    count: int
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """``row``: as ``describe_quarantined``. ``header`` is None before it can be believed, ``record_count`` before all
    records could be read. ``changes``: what applying would do; where that can't be told, ``untold`` says why.
    """

    row: dict[str, Any]
    checks: tuple[Check, ...]
    signed_by: str = ""
    header: dict[str, Any] | None = None
    record_count: int | None = None
    changes: tuple[Change, ...] = ()
    untold: str = ""

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong with it now."""
        return all(check.verdict == PASSED for check in self.checks)


def preview_quarantined(row_id: UUID, *, limits: Limits | None = None) -> Preview:
    """Checks the file's bytes as a release would, and applies them in a transaction that is rolled back.

    Changes nothing. Raises DomainError not_found for an unknown row or one that is not in quarantine, and
    TransferNotReadyError where its file is not on this host; KeyFolderError.
    """
    row = ImportBatch.objects.filter(pk=row_id, status=ImportStatus.FAILED, discarded_at=None).first()
    if row is None:
        raise DomainError("not_found", f"No file in quarantine has the row {row_id}.")
    found = _Trial(row, limits or site_limits()).run()
    if not found.sound:
        return replace(found, untold="Applying it is not tried while a check fails.")
    return found


class _Trial:
    """The steps, one after the other."""

    def __init__(self, row: ImportBatch, limits: Limits) -> None:
        self.row = row
        self.limits = limits
        self.keys: KeyFolder = site_keys()
        self.passed: list[Check] = []
        self.preview = Preview(row=describe_quarantined(row), checks=())

    def run(self) -> Preview:
        """Until a step fails, or all have passed."""
        try:
            self._steps()
        except BundleError as error:
            self.passed.append(Check(STEPS[len(self.passed)], error.code.value, error.detail))
        rest = (Check(name) for name in STEPS[len(self.passed) :])
        return replace(self.preview, checks=(*self.passed, *rest))

    def _steps(self) -> None:
        envelope = self._open()
        signer = check_signature(envelope, self.keys.trusted_keys(), self.keys.own_trusted_keys())
        self.preview = replace(self.preview, signed_by=f"{signer.site} {signer.fingerprint}")
        self._pass("own" if signer.own else "")
        header = read_header(envelope, signer, settings.SITE)
        self.preview = replace(self.preview, header=msgspec.to_builtins(header))
        self._pass()
        self._check_name(header)
        self._pass(_check_version(header))
        key = self._find_key(header)
        self._pass()
        self._read(envelope, header, key)
        self._pass()
        self._apply(envelope, header, key)

    def _pass(self, detail: str = "") -> None:
        self.passed.append(Check(STEPS[len(self.passed)], PASSED, detail))

    def _open(self) -> Envelope:
        try:
            measured = measure(Path(self.row.file_path), self.limits)
        except FileNotFoundError:
            raise TransferNotReadyError(
                f"{self.row.filename} is not on this host: look at it where the quarantine is (quarantine preview)."
            ) from None
        if self.row.checksum and measured.checksum != self.row.checksum:
            raise BundleError(Code.BAD_HASH, "it is not what was quarantined: the disk has damaged it")
        envelope = check_envelope(measured)
        self._pass()
        return envelope

    def _check_name(self, header: Header) -> None:
        """Of a file in quarantine the name is told, and not judged any more: an operator decides on its bytes."""
        try:
            check_name(self.row.filename, header)
        except BundleError as error:
            self._pass(f"it came under another: {error.detail}")
        else:
            self._pass()

    def _find_key(self, header: Header) -> BoxKey:
        key = self.keys.find_box_key(header.box_key)
        if key is None:
            raise BundleError(Code.UNKNOWN_KEY, "it is encrypted to a box key that is not here")
        if key.status == "retired":
            raise BundleError(Code.UNKNOWN_KEY, f"box key {key.version} is retired")
        return key

    def _read(self, envelope: Envelope, header: Header, key: BoxKey) -> None:
        count = sum(1 for _ in open_payload(envelope, header, key, self.limits))
        self.preview = replace(self.preview, record_count=count)

    def _apply(self, envelope: Envelope, header: Header, key: BoxKey) -> None:
        if header.stream == HOLDINGS:
            self.preview = replace(
                self.preview, untold="It lists what the other site holds; heeding it moves files, so it is not tried."
            )
            return
        try:
            changes = _try(self.row, header, open_payload(envelope, header, key, self.limits))
            self.preview = replace(self.preview, changes=tuple(changes))
        except BundleError as error:
            self.preview = replace(self.preview, untold=f"{error.code}: {error.detail}")
        except OperationalError as error:
            if not isinstance(error.__cause__, _WAITED):
                raise
            self.preview = replace(self.preview, untold="An import is running; look again in a moment.")
        except DatabaseError as error:
            reason = str(error).splitlines()[0]
            self.preview = replace(self.preview, untold=f"The database would refuse it: {reason}")


def _check_version(header: Header) -> str:
    if header.schema > header.spec.schema:
        raise BundleError(Code.UNSUPPORTED_VERSION, f"schema {header.schema} is newer than this release")
    if header.stream not in log_receivers and header.stream not in state_receivers:
        raise BundleError(Code.UNSUPPORTED_VERSION, f"{header.stream} is not read by this release")
    if header.kind == "state":
        applied = AppliedState.objects.filter(stream=header.stream).values_list("seq", flat=True).first() or 0
        if header.seq <= applied:
            raise BundleError(Code.ROLLED_BACK, f"version {applied} is applied")
    return ""


def _try(row: ImportBatch, header: Header, payload: Iterable[Record]) -> Iterator[Change]:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_PATIENCE)
        changes = list(_enter_log(row, header, payload) if header.kind == "log" else _enter_state(row, header, payload))
        transaction.set_rollback(True)
    return iter(changes)


def _enter_log(row: ImportBatch, header: Header, payload: Iterable[Record]) -> Iterator[Change]:
    records = sorted(payload, key=lambda each: str(each.identity()))
    applied = log_receivers[header.stream].apply(records, import_batch_id=row.pk, at=clock.now())
    yield Change("new", applied.applied)
    yield Change("known already", applied.known)
    yield Change("in conflict", len(applied.conflicts), tuple(str(each) for each in applied.conflicts[:MOST_NAMES]))


def _enter_state(row: ImportBatch, header: Header, payload: Iterable[Record]) -> Iterator[Change]:
    receiver = state_receivers[header.stream]
    describing = receiver if isinstance(receiver, DescribingReceiver) else None
    before = dict(describing.describe()) if describing else {}
    if header.mode == "snapshot":
        changed = receiver.apply_snapshot(payload, import_batch_id=row.pk, at=clock.now())
    elif isinstance(receiver, DeltaReceiver):
        changed = receiver.apply_delta(payload, import_batch_id=row.pk, at=clock.now())
        if snapshot_digest(receiver.lines()) != header.digest:
            raise BundleError(Code.MISSING_BASE, "with it, what is here is not what the other site has")
    else:
        raise BundleError(Code.MISSING_BASE, f"deltas of {header.stream} are not read here")
    if describing is None:
        yield Change("changed", changed)
        return
    yield from _compare(before, dict(describing.describe()))


def _compare(before: dict[UUID, Any], after: dict[UUID, Any]) -> Iterator[Change]:
    """Both by id: (name, whether it is active, what it says)."""
    sorts: dict[str, list[str]] = {"created": [], "changed": [], "deactivated": []}
    for each, now in after.items():
        then = before.get(each)
        if then is None:
            sorts["created"].append(now.name)
        elif then.active and not now.active:
            # Its name may be taken away with it.
            sorts["deactivated"].append(then.name)
        elif then != now:
            sorts["changed"].append(now.name)
    for what, names in sorts.items():
        yield Change(what, len(names), tuple(sorted(names)[:MOST_NAMES]))
