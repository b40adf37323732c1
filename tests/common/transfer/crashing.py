"""A site that is killed in the middle of its work, in a process of its own, and what has to be true afterwards."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import django.db
from django.conf import settings

from common_apps.audit.actors import SYSTEM
from common_apps.audit.models import AuditLog
from common_apps.core import failpoints
from common_apps.core.ids import new_id
from common_apps.transfer.bundle import records
from common_apps.transfer.bundle.limits import Limits
from common_apps.transfer.bundle.names import SIDECAR_SUFFIX
from common_apps.transfer.bundle.writer import WrittenBundle, write_sidecar
from common_apps.transfer.folders import site_folders
from common_apps.transfer.models import AppliedState, ExportBatch, ImportBatch
from common_apps.transfer.selectors import bundles_to_carry
from common_apps.transfer.services import export_all, scan_imports
from devstack.processes import wait_until
from tests.common.transfer.kit import Peer
from tests.common.transfer.power import Fsync, unsynced
from tests.common.transfer.real_rows import RealRows

# Rows that a round adds, and how many of them fit a bundle: three are claimed, two fit, so that bundles are cut.
ADDED = 5
CLAIMED = 3


def fork(work: Callable[[], None], *, armed: str, notes: Path, fsync: Fsync = unsynced) -> int:
    """Begins ``work`` in a child, a process with connections of its own; its pid. What it raises is in ``notes``.

    The child is what a worker is: it has come through django.setup, and ends without a word when it is told to.
    """
    django.db.connections.close_all()
    notes.unlink(missing_ok=True)
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        os.fsync = fsync
        failpoints.arm(armed)
        work()
        notes.write_text(json.dumps(failpoints._passed))
        status = 0
    except BaseException:
        notes.write_text(traceback.format_exc())
    finally:
        os._exit(status)


def wait_for(child: int) -> int:
    """The exit status of the child, once the database has noticed, too, that it has gone."""
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with django.db.connection.cursor() as cursor:

        def is_alone() -> bool:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            return bool(cursor.fetchone()[0] == 0)

        assert wait_until(is_alone, timeout_s=30, every_s=0.005)
    return status


class Scene:
    """One site with real rows, and its peer as files: what it sent, what it has, and what it knows to have come."""

    def __init__(self, peer: Peer, rows: RealRows, notes: Path) -> None:
        self.peer = peer
        self.rows = rows
        self.notes = notes
        self.added: list[UUID] = []
        # What the peer has, by bundle.
        self.held: dict[UUID, list[UUID]] = {}
        self.coming: Counter[UUID] = Counter()
        self.written: dict[str, list[WrittenBundle]] = {"sound": [], "bad": []}
        self.states = 0
        self.limits = Limits(log_records=CLAIMED, log_plaintext=self._two_lines())

    def _two_lines(self) -> int:
        self.added += self.rows.add(CLAIMED)
        bundle = new_id()
        sender: Any = _sender(self.rows.sent)
        with django.db.transaction.atomic():
            ExportBatch.objects.create(id=bundle, batch_type=self.rows.sent, mode="batch", seq=1, created_at=_now())
            sender.claim(batch_id=bundle, limit=CLAIMED)
            lines = [outgoing.line for outgoing in sender.read(batch_id=bundle)]
            django.db.transaction.set_rollback(True)
        return 2 * max(map(len, lines)) + 10

    def carry(self) -> None:
        """What an arriving stick makes the site do."""
        scan_imports(actor=SYSTEM)
        export_all(actor=SYSTEM, limits=self.limits)

    def add_work(self) -> None:
        """Something new for every step: rows to send, and what ``bring`` brings."""
        self.add_rows()
        self.bring()

    def add_rows(self) -> None:
        """Rows to send."""
        self.added += self.rows.add(ADDED)

    def bring(self) -> None:
        """Bundles of every kind come, with a list of what the peer has by now."""
        self.take_away()
        self.states += 1
        for stream, lines in self.rows.state_lines(self.states).items():
            self.written["sound"].append(self.peer.write(stream, lines))
        for _ in range(2):
            record, line = self.rows.coming()
            self.coming[record] = 1
            self.written["sound"].append(self.peer.write(self.rows.received, [line]))
        self.written["bad"].append(self._forge())
        held = [str(each) for each in sorted(self.held)]
        heard = max((bundle.header.seq for bundle in self.written["sound"]), default=0)
        told = self.peer.tell(
            *[
                records.Applied(stream=self.rows.sent, batch_ids=held[start : start + 1000])
                for start in range(0, len(held), 1000)
            ],
            seq=heard + 1,
            hello={"heard": self._heard()},
        )
        self.written["sound"].append(told)

    def _forge(self) -> WrittenBundle:
        """A bundle whose signature doesn't fit, beside a sidecar that does."""
        forged = self.peer.write(self.rows.received, [self.rows.coming()[1]], sidecar=False)
        raw = bytearray(forged.path.read_bytes())
        raw[-1] ^= 1
        forged.path.write_bytes(raw)
        forged = replace(forged, checksum=hashlib.sha256(raw).hexdigest())
        write_sidecar(forged)
        return forged

    def _heard(self) -> int:
        return (
            ExportBatch.objects.filter(batch_type="holdings", status="completed")
            .order_by("-seq")
            .values_list("seq", flat=True)
            .first()
            or 0
        )

    def take_away(self) -> None:
        """The courier takes what is complete: what has a sidecar must be whole, whatever happened."""
        for sidecar in sorted(settings.EXPORT_DIR.rglob(f"*{SIDECAR_SUFFIX}")):
            header, found = self.peer.read(sidecar.with_name(sidecar.name.removesuffix(SIDECAR_SUFFIX)))
            if header.stream == self.rows.sent:
                self.held[header.batch_id] = [each.id for each in found]

    def crash(self, armed: str) -> None:
        """A carry that is killed where ``armed`` says; one that never gets there is a failure."""
        status = self.run(self.carry, armed)
        said = self.notes.read_text() if self.notes.exists() else ""
        assert status == failpoints.EXIT_STATUS, f"{armed} was not reached (exit {status}): {said}"

    def finish(self) -> dict[str, int]:
        """A carry that nobody disturbs; how often it passed each failpoint."""
        status = self.run(self.carry, "nowhere=exit")
        assert status == 0, self.notes.read_text()
        passed: dict[str, int] = json.loads(self.notes.read_text())
        return passed

    def run(self, work: Callable[[], None], armed: str, fsync: Fsync = unsynced) -> int:
        """Does the work in a process of its own; its exit status."""
        return wait_for(fork(work, armed=armed, notes=self.notes, fsync=fsync))

    def check(self, *, archived: bool = True) -> None:
        """Each record exactly once, pending, or in quarantine; nothing left over; nothing stuck."""
        self._check_sent()
        self._check_arrived()
        self._check_files(archived=archived)

    def _check_sent(self) -> None:
        self.take_away()
        carried = Counter(record for found in self.held.values() for record in found)
        assert carried == Counter(self.added), "a record is missing, or in two bundles"
        live = ExportBatch.objects.filter(batch_type=self.rows.sent, status="completed")
        assert set(live.values_list("pk", flat=True)) == self.held.keys()
        assert not ExportBatch.objects.filter(status__in=["pending", "processing"]).exists()
        waiting = {batch.pk for batch in bundles_to_carry()}
        states = self.rows.sent_rows()
        assert states.keys() == set(self.added)
        for bundle, found in self.held.items():
            expected = "exported" if bundle in waiting else self.rows.confirmed
            assert {states[record] for record in found} == {expected}, bundle
        told = Counter(AuditLog.objects.filter(action="bundle.exported").values_list("resource_id", flat=True))
        done = ExportBatch.objects.filter(status="completed").values_list("pk", flat=True)
        assert told == Counter(str(each) for each in done)

    def _check_arrived(self) -> None:
        assert self.rows.arrived() == self.coming
        assert self.rows.holds_state(self.states)
        applied = ImportBatch.objects.filter(status="completed")
        wanted = Counter(bundle.batch_id for bundle in self.written["sound"])
        met = Counter(applied.values_list("source_batch_id", flat=True))
        # Of a state only the newest has to be applied; an older one may have been overtaken.
        newest = {bundle.header.stream: bundle for bundle in self.written["sound"]}
        for state in AppliedState.objects.all():
            assert state.seq == newest[state.stream].header.seq
        logs = Counter({b.batch_id: 1 for b in self.written["sound"] if b.header.kind == "log"})
        assert logs <= met <= wanted
        refused = ImportBatch.objects.exclude(status="completed").exclude(code="rolled_back")
        codes = Counter(refused.values_list("status", "code", "met_count"))
        assert sum(codes.values()) == len(self.written["bad"])
        assert {(status, code) for status, code, _ in codes} == {("failed", "bad_signature")}
        for action, count in (("bundle.imported", applied.count()), ("bundle.quarantined", len(self.written["bad"]))):
            told = Counter(AuditLog.objects.filter(action=action).values_list("resource_id", flat=True))
            assert (len(told), set(told.values())) == (count, {1} if count else set()), action

    def _check_files(self, *, archived: bool) -> None:
        folders = site_folders()
        assert _files(folders.imports) == []
        assert _files(folders.incoming) == []
        assert _files(folders.data / "archive", "*.part") == _files(folders.exports, ".*") == []
        if archived:
            assert len(_files(folders.imported)) == ImportBatch.objects.filter(status="completed").count()
        quarantined = [row.checksum for row in ImportBatch.objects.filter(status="failed")]
        expected = sorted(f"{each}{end}" for each in quarantined for end in (".enc", ".reason.json"))
        assert _files(folders.quarantine) == expected
        for stream in {batch.batch_type for batch in ExportBatch.objects.all()}:
            live = [batch.filename for batch in bundles_to_carry() if batch.batch_type == stream]
            # latest.json decides nothing: after a power cut it may be an older one, or none.
            there = [*live, *(f"{name}{SIDECAR_SUFFIX}" for name in live)]
            kept = [name for name in _files(folders.exports / stream) if name != "latest.json"]
            if stream == self.rows.sent or live:
                assert kept == sorted(there), stream


def kill(child: int) -> None:
    """SIGKILL, as the kernel sends it to a process that needs too much memory."""
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _files(folder: Path, pattern: str = "*") -> list[str]:
    return sorted(path.name for path in folder.rglob(pattern) if path.is_file())


def _sender(stream: str) -> Any:
    from common_apps.transfer.registry import log_senders

    return log_senders[stream]


def _now() -> Any:
    from common_apps.core import clock

    return clock.now()
