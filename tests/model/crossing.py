"""The model: two sites, some sticks, and what must be true of them."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, fields
from typing import Any

from tests.model import forger
from tests.model.sites import PEER, START, Backup, CrashedError, ModelSite, Sites
from tests.model.stick import Stick, Written, read_written

STICKS = 3
_MOST_TRIPS = 10
_FINAL = ("completed", "failed", "cancelled")
_DAY = 86_400.0
# A backup may be 30 days old, and the way may take 30 more.
MOST_DAYS = 25


class BrokenPromiseError(AssertionError):
    """What must always be true is not."""


@dataclass
class Tally:
    """What was done, over all runs. ``forgotten``: requests that a backup took away before they were ever carried."""

    runs: int = 0
    steps: int = 0
    trips: int = 0
    requests: int = 0
    answered: int = 0
    forgotten: int = 0
    lost: int = 0
    doubled: int = 0
    forged: int = 0
    faults: Counter[str] = field(default_factory=Counter)

    def line(self) -> str:
        """For people."""
        return (
            f"{self.steps} steps, {self.trips} trips, {sum(self.faults.values())} faults in {self.runs} runs; of "
            f"{self.requests} requests {self.answered} answered, {self.forgotten} forgotten with a backup before they "
            f"were carried; {self.lost} lost, {self.doubled} doubled, {self.forged} forged"
        )

    def add(self, other: Tally) -> None:
        """What somebody else did."""
        for each in fields(self):
            if each.name != "faults":
                setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))
        self.faults += other.faults


@dataclass
class Seen:
    """What was last seen of a site; what is final in it must stay."""

    answers: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    requests: set[str] = field(default_factory=set)


class Crossing:
    """One run, from two sites that have never met."""

    def __init__(self, sites: Sites, tally: Tally, *, met: bool, mutant: str | None = None) -> None:
        self.sites = sites
        self.tally = tally
        self.time = START + 60
        self.offset = {"request": 0.0, "response": 0.0}
        self.number = 0
        self.asked: dict[str, int] = {}
        self.executed: Counter[str] = Counter()
        self.written: dict[str, Written] = {}
        self.users: set[tuple[Any, ...]] = set()
        self.backups: dict[str, list[tuple[int, Backup]]] = {"request": [], "response": []}
        self.restored: Counter[str] = Counter()
        self.forgotten: set[str] = set()
        self.seen = Seen()
        # Checksums of sound bundles whose name or sidecar was spoilt, and streams that a reader took for bad ones.
        self.spoilt: set[str] = set()
        self.misread: set[str] = set()
        self.discarded: set[str] = set()
        self.keys_restored: set[str] = set()
        self.days = 0
        self.versions: dict[str, dict[str, int]] = {}
        self.active: set[str] = set()
        # Sites with a new signing key that write before they have heard which one the peer trusts.
        self.rotated: set[str] = set()
        self.unheard: set[str] = set()
        for site in sites.both():
            site.begin_anew(sites.strangers[site.name])
            site.do("mutate", at=self.time, name=mutant)
            site.do("misread", at=self.time, stream=None)
        self.sticks = [Stick(sites.stick / str(number)) for number in range(STICKS)]
        for stick in self.sticks:
            stick.wipe()
        self._note_users()
        tally.runs += 1
        if met:
            self.sync("response", 0)
            self.sync("request", 0)
            self.sync("response", 0)

    def step(self, name: str, arguments: dict[str, Any]) -> None:
        """One move: a method of this class by its name. What is done to a stick is one step, what sites do are more."""
        before = self.tally.steps
        getattr(self, name)(**arguments)
        if self.tally.steps == before:
            self.tally.steps += 1

    # What people do

    def submit(self, count: int) -> None:
        """Somebody asks."""
        numbers = list(range(self.number, self.number + count))
        self.number += count
        self.tally.steps += 1
        asked = self.sites.request.do("submit", at=self._now("request"), numbers=numbers)
        self.asked |= asked
        self.seen.requests |= set(asked)
        self.tally.requests += len(asked)
        self.check("request")

    def execute(self, limit: int) -> None:
        """The response site's drains answer."""
        self.tally.steps += 1
        self.executed.update(self.sites.response.do("execute", at=self._now("response"), limit=limit))
        self.check("response")

    def change_users(self, what: int, which: int) -> None:
        """An operator of the response site changes a user."""
        self.number += 1
        if what == 0:
            self._do("response", "new_users", number=self.number, count=1 if which else 12)
        elif what == 1:
            self._do("response", "rename_user", which=which, number=self.number)
        elif what == 2:
            self._do("response", "switch_user", which=which)
        elif what == 3:
            self._do("response", "swap_names", one=which, other=which + 1)
        else:
            self._do("response", "publish", revision=self.number)
        self._note_users()

    def export(self, site: str) -> None:
        """The watcher, or a button: what waits is written, and nobody carries it yet."""
        self._do(site, "export")

    # What the courier does

    def sync(self, site: str, stick: int, crash: str | None = None) -> None:
        """The courier's command: takes what has come, then leaves what has to go."""
        self.tally.trips += 1
        fault = self._do(site, "sync", crash=crash, path=str(self.sticks[stick].path))
        _promise(fault is None, f"the courier is told: {fault}")
        if crash is None:
            here = self.sites[site]
            held = {name for (name,) in here.rows("SELECT filename FROM export_batches WHERE held_at IS NOT NULL")}
            carried = {path.name for path in self.sticks[stick].bundles(site)} & held
            _promise(not carried, f"{PEER[site]} holds it, and it is carried: {carried}")

    def visit(self, site: str, stick: int) -> None:
        """The courier comes by where work goes on: something was asked meanwhile, or is answered now."""
        if site == "request":
            self.submit(1)
        self.sync(site, stick)
        if site == "response":
            self.execute(50)

    def drop_in(self, site: str, which: int, whole: bool) -> None:
        """Somebody copies an old bundle into IMPORT_DIR by hand, perhaps without its sidecar."""
        names = sorted(name for name, each in self.written.items() if each.source == PEER[site])
        if names:
            self._fault("replayed")
            written = self.written[names[which % len(names)]]
            (self.sites[site].imports / written.name).write_bytes(written.data)
            if whole:
                (self.sites[site].imports / (written.name + ".meta.json")).write_bytes(written.sidecar)

    def scan(self, site: str) -> None:
        """The watcher looks at IMPORT_DIR."""
        self._do(site, "scan")

    # What operators do

    def rotate(self, site: str, what: str) -> None:
        """New keys: box, hybrid box, or signing."""
        self._fault("keys rotated")
        if what == "signing":
            self.rotated.add(site)
            self._do(site, "rotate_signing")
        else:
            self._do(site, "rotate_box", kem=None if what == "box" else what)

    def confirm_keys(self, site: str) -> None:
        """The operators have compared the words."""
        self._do(site, "confirm_keys")

    def release(self, site: str) -> None:
        """The reader is upgraded, and what it held is released."""
        self.sites[site].do("misread", at=self._now(site), stream=None)
        self._do(site, "release_held")

    def discard(self, site: str) -> None:
        """What is held of log streams is discarded."""
        self.discarded |= set(self._do(site, "discard_held"))

    def clean_up(self, site: str) -> None:
        """The nightly cleanup."""
        self._do(site, "prune")

    # What can happen to a stick

    def lose_bundle(self, stick: int, which: int) -> None:
        """A file is gone."""
        found = self.sticks[stick].bundles()
        if found:
            self._fault("dropped")
            self.sticks[stick].drop(found[which % len(found)])

    def lose_stick(self, stick: int) -> None:
        """All of it is gone."""
        self._fault("lost")
        self.sticks[stick].wipe()

    def copy_stick(self, stick: int) -> None:
        """The next stick holds the same."""
        self._fault("duplicated")
        target = self.sticks[(stick + 1) % STICKS]
        target.wipe()
        shutil.copytree(self.sticks[stick].path, target.path, dirs_exist_ok=True)

    def replay(self, stick: int, which: int, count: int) -> None:
        """Bundles that were written long ago lie on it again."""
        names = sorted(self.written)
        for number in range(min(count, len(names))):
            self._fault("replayed")
            self.sticks[stick].put(self.written[names[(which + number) % len(names)]], trip="20010101_000000")

    def truncate(self, stick: int, which: int, part: int) -> None:
        """A file is cut: ``part`` thousandths are left."""
        self._spoil(stick, which, lambda data: data[: len(data) * part // 1000], "truncated")

    def flip(self, stick: int, which: int, part: int) -> None:
        """One bit is another."""

        def turn(data: bytes) -> bytes:
            place = min(len(data) * part // 1000, len(data) - 1)
            return data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :]

        self._spoil(stick, which, turn, "flipped")

    def _spoil(self, stick: int, which: int, change: Any, kind: str) -> None:
        found = self.sticks[stick].bundles()
        if found:
            self._fault(kind)
            path = found[which % len(found)]
            path.write_bytes(change(path.read_bytes()))

    def rename(self, stick: int, which: int, other: int) -> None:
        """A bundle lies there under the name of another, or beside the sidecar of another."""
        names = sorted(self.written)
        if names:
            self._fault("misnamed")
            one, two = self.written[names[which % len(names)]], self.written[names[other % len(names)]]
            self.spoilt.add(one.checksum)
            path = self.sticks[stick].put(one, trip="20010102_000000", name=two.name if other % 2 else one.name)
            path.with_name(path.name + ".meta.json").write_bytes(two.sidecar)

    def turn_back(self, stick: int, which: int) -> None:
        """A site's own bundle comes back as if the other had written it."""
        names = sorted(self.written)
        if names:
            self._fault("turned back")
            own = self.written[names[which % len(names)]]
            self.sticks[stick].put(own, trip="20010103_000000", source=PEER[own.source])

    def forge(self, stick: int, stream: str) -> None:
        """A stranger has written a bundle."""
        source = "request" if stream == "requests" else "response"
        self._fault("forged")
        self.number += 1
        written = forger.forge(stream, source, self.sites[PEER[source]].keys, self.number)
        self.sticks[stick].put(written, trip="20010104_000000")

    def splice(self, stick: int, which: int, other: int, footer: bool) -> None:
        """Parts of two bundles in one file."""
        names = sorted(self.written)
        if len(names) > 1:
            one = self.written[names[which % len(names)]]
            two = self.written[names[(which + 1 + other % (len(names) - 1)) % len(names)]]
            self._fault("spliced")
            data = forger.swap_footers(one, two) if footer else forger.splice(one, two)
            self.sticks[stick].put(one, trip="20010105_000000", data=data)

    # What can happen to a site

    def crash(self, site: str, stick: int, point: str, number: int) -> None:
        """The site dies in the middle of a sync."""
        self._fault("crashed")
        self.sync(site, stick, crash=f"{point}@{number}=crash")

    def back_up(self, site: str) -> None:
        """Somebody takes a backup."""
        backups = self.backups[site]
        backups.append((self.days, self.sites[site].back_up()))
        del backups[:-3]

    def restore(self, site: str, which: int, what: str) -> None:
        """One not older than a month is put back, silently: the database, the keys, or both. What the command `restore`
        is told of (`told`) may be older.
        """
        backups = [backup for day, backup in self.backups[site] if self.days - day <= MOST_DAYS or what == "told"]
        if not backups:
            return
        self._fault("restored")
        here = self.sites[site]
        here.put_back(backups[which % len(backups)], database=what != "keys", keys=what in ("keys", "both"))
        if what in ("keys", "both"):
            self.keys_restored.add(site)
        if what == "keys":
            return
        self.restored[site] += 1
        self.versions.pop(site, None)
        if what == "told":
            here.do("settle_restored", at=self._now(site), created_at="2026-09-21T00:00:00Z")
        if site == "request":
            self.forgotten |= set(self.asked) - {row for (row,) in here.rows("SELECT id::text FROM requests")}
            self._see_anew()
        else:
            self._note_users()

    def set_clock(self, site: str, days: int) -> None:
        """Its clock is so many days ahead (or back) of the other's."""
        self._fault("clock set")
        self.days += 1
        self.offset[site] = days * _DAY

    def pass_days(self, site: str, count: int) -> None:
        """Days go by at a site."""
        self.days += count
        self._do(site, "pass_days", count=count)
        self.offset[site] += count * _DAY

    def lose_file(self, site: str, which: int, how: str) -> None:
        """A site's disk loses a bundle that it has written, or its sidecar, or damages either."""
        found = sorted(self.sites[site].exports.glob("*/*.enc"))
        if found:
            self._fault("disk")
            path = found[which % len(found)]
            if "sidecar" in how:
                # A courier may come before the damage is noticed.
                self.spoilt.add(self.written[path.name].checksum)
                path = path.with_name(path.name + ".meta.json")
            if how.startswith("lost"):
                path.unlink(missing_ok=True)
            elif path.exists():
                path.write_bytes(path.read_bytes()[:-3] + b"...")

    def lose_held(self, site: str) -> None:
        """A site's disk loses its quarantine."""
        self._fault("disk")
        self._do(site, "lose_held")

    def misread_stream(self, stream: str) -> None:
        """The reader of a stream has a bug: what is sound is held."""
        self._fault("misread")
        self.misread.add(stream)
        for site in self.sites.both():
            site.do("misread", at=self._now(site.name), stream=stream)

    # What must be true

    def check(self, site: str, *, released: bool = False) -> None:
        """After every step at a site."""
        here = self.sites[site]
        for written in read_written(here.exports, site, set(self.written)):
            self.written[written.name] = written
        if site in self.rotated and not here.rows("SELECT 1 FROM transfer_peer WHERE hello IS NOT NULL"):
            self.unheard.add(site)
        self._check_imports(here)
        self._check_versions(here)
        if site == "request":
            self._check_requests(here)
            self._check_users(here, released=released)
        else:
            self._check_incoming(here)

    def _check_imports(self, here: ModelSite) -> None:
        sound = {each.checksum: each for each in self.written.values() if each.source == PEER[here.name]}
        own = {each.checksum for each in self.written.values() if each.source == here.name}
        for checksum, status, code, stream in here.rows(
            "SELECT checksum, status, coalesce(code, ''), batch_type FROM import_batches"
        ):
            if status == "completed":
                _promise(checksum in sound, f"a bundle that {PEER[here.name]} never wrote was applied: {checksum}")
            elif status == "failed" and checksum in own:
                _promise(here.name in self.keys_restored, f"a bundle of {here.name} itself lies in quarantine: {code}")
            elif status == "failed" and checksum in sound:
                excused = (
                    (code in ("name_not_allowed", "sidecar_mismatch") and checksum in self.spoilt)
                    or (code == "bad_record" and stream in self.misread)
                    or (code == "bad_signature" and here.name in self.keys_restored)
                    or (code == "bad_signature" and PEER[here.name] in self.unheard)
                    or code == "mass_removal"
                )
                _promise(excused, f"a sound bundle of {stream or sound[checksum].stream} lies in quarantine: {code}")

    def _check_versions(self, here: ModelSite) -> None:
        """Nothing brings an older state back, but a backup."""
        now = dict(
            here.rows("SELECT stream, seq FROM applied_states UNION ALL SELECT 'heard', heard FROM transfer_peer")
        )
        before = self.versions.get(here.name, {})
        older = {name for name in before if now.get(name, 0) < before[name]}
        _promise(not older, f"older than before at {here.name}: {older}")
        self.versions[here.name] = now

    def _check_requests(self, here: ModelSite) -> None:
        rows = here.rows(
            "SELECT r.id::text, r.status, r.query_params->'query'->'range'->'amount'->>'gte', a.result_data::text,"
            " r.error_code, a.id::text FROM requests r LEFT JOIN responses a ON a.request_id = r.id"
        )
        ids = [row[0] for row in rows]
        _promise(len(ids) == len(set(ids)), "a request is answered twice")
        _promise(self.seen.requests <= set(ids), "a request has vanished")
        self.seen.requests = set(ids)
        for request_id, status, number, result, code, answer in rows:
            _promise(request_id in self.asked, f"a forged request: {request_id}")
            _promise(int(number) == self.asked[request_id], f"a changed request: {request_id}")
            if status == "completed":
                _promise(json.loads(result or "{}") == {"answer_to": request_id}, f"a forged answer: {result}")
                _promise(self.executed[request_id] > 0, f"an answer that nobody gave: {request_id}")
            elif status in _FINAL:
                excused = (code == "bad_record" and "requests" in self.discarded) or (
                    code == "answer_discarded" and "results" in self.discarded
                )
                _promise(excused, f"request {request_id} is {status}: {code}")
            before = self.seen.answers.get(request_id)
            _promise(before in (None, (status, answer)), f"a final state has changed: {before} -> {status}, {answer}")
            if status in _FINAL:
                self.seen.answers[request_id] = (status, answer)

    def _see_anew(self) -> None:
        self.seen = Seen(requests={row for (row,) in self.sites.request.rows("SELECT id::text FROM requests")})
        self._check_requests(self.sites.request)
        self._check_users(self.sites.request, released=True)

    def _check_incoming(self, here: ModelSite) -> None:
        rows = here.rows(
            "SELECT i.original_request_id::text, i.query_params->'query'->'range'->'amount'->>'gte', i.status,"
            " q.original_request_id::text FROM incoming_requests i LEFT JOIN query_results q ON q.request_id = i.id"
        )
        ids = [row[0] for row in rows]
        _promise(len(ids) == len(set(ids)), "a request is applied or answered twice")
        for request_id, number, status, answered in rows:
            _promise(request_id in self.asked, f"a forged request came in: {request_id}")
            _promise(int(number) == self.asked[request_id], f"a changed request came in: {request_id}")
            _promise((status in _FINAL) == (answered is not None), f"{request_id} is {status}, its answer {answered}")

    def _check_users(self, here: ModelSite, *, released: bool) -> None:
        rows = here.rows(_USERS)
        for row in rows:
            _promise(row[-1] or row[:-1] in self.users, f"a user as the master never had it: {row}")
        active = {row[0] for row in rows if row[-2]}
        gone = self.active - active
        many = len(self.active) >= 10 and len(gone) * 2 > len(self.active)
        _promise(released or not many, f"{len(gone)} of {len(self.active)} users are gone, and nobody was asked")
        self.active = active

    def _note_users(self) -> None:
        self.users |= {row[:-1] for row in self.sites.response.rows(_USERS)}

    # The end of a run

    def finish(self) -> None:
        """A fair drain; then everything ever written comes once more, and a drain again."""
        self.drain()
        self._check_drained()
        before = self._content()
        self.replay_everything()
        # A version that a master wrote, never carried, and then forgot with a backup may be greater than any since:
        # it is applied, and the next trip brings a greater one.
        self._compare(before, but=_STATES if self.restored["response"] else ())
        self.drain()
        self._check_drained()
        self._compare(before)
        self._count()

    def _count(self) -> None:
        """For the tally: counted anew from the tables, not taken from the checks above."""
        request, response = self.sites.request, self.sites.response
        final = [row for (row,) in request.rows(f"SELECT id::text FROM requests WHERE status IN {_FINAL}")]
        applied = [row for (row,) in response.rows("SELECT original_request_id::text FROM incoming_requests")]
        answers = [row for (row,) in request.rows("SELECT request_id::text FROM responses")]
        self.tally.answered += len(set(final) & set(self.asked))
        self.tally.forgotten += len(self.forgotten - set(final))
        self.tally.lost += len(set(self.asked) - set(final) - self.forgotten)
        self.tally.doubled += sum(len(each) - len(set(each)) for each in (final, applied, answers))
        self.tally.forged += len({*final, *applied, *answers} - set(self.asked))

    def drain(self) -> None:
        """Honest trips, and everything heeded, until nothing moves any more."""
        self.sticks[0].wipe()
        for _ in range(_MOST_TRIPS):
            for site in ("request", "response"):
                self.sync(site, 0)
                self.release(site)
                self.confirm_keys(site)
            self.execute(500)
            if not self._open() and all(self._left(site) == ["holdings"] for site in PEER) and not self._moving():
                return

    def _left(self, site: str) -> list[str]:
        """The streams of what a site has left on the stick."""
        return [path.name.rsplit("_", 3)[0] for path in self.sticks[0].bundles(site)]

    def _open(self) -> list[str]:
        return [
            row
            for (row,) in self.sites.request.rows(
                f"SELECT id::text FROM requests WHERE status NOT IN {_FINAL} ORDER BY 1"
            )
        ]

    def _moving(self) -> bool:
        """Whether an answer is still on its way, or an alert that a further trip may end."""
        answers = self.sites.response.rows("SELECT 1 FROM query_results WHERE delivery <> 'confirmed' LIMIT 1")
        return bool(answers) or any(self._told(site) for site in self.sites.both())

    def _told(self, site: ModelSite) -> set[str]:
        """The codes of open alerts for which nothing has happened."""
        restored = {"site_rolled_back"} if self.restored[site.name] else set()
        return {code for (code,) in site.rows("SELECT code FROM alerts WHERE ended_at IS NULL")} - restored

    def replay_everything(self) -> None:
        """All that was ever written comes once more, the youngest first."""
        for written in sorted(self.written.values(), key=lambda each: each.name, reverse=True):
            self.sticks[0].put(written, trip="20010101_000000")
        self.sync("request", 0)
        self.sync("response", 0)
        self.execute(500)

    def _check_drained(self) -> None:
        request, response = self.sites.request, self.sites.response
        stuck = self._open()
        _promise(not stuck, f"not answered after {_MOST_TRIPS} honest trips: {stuck}")
        there = {row for (row,) in request.rows("SELECT id::text FROM requests")}
        lost = set(self.asked) - there
        _promise(lost <= self.forgotten, f"lost: {lost - self.forgotten}")
        arrived = {row for (row,) in response.rows("SELECT original_request_id::text FROM incoming_requests")}
        _promise(not lost & arrived, f"answered there, and not come back here: {lost & arrived}")
        waiting = response.rows("SELECT 1 FROM incoming_requests WHERE status NOT IN ('completed')")
        _promise(not waiting, "requests wait on the response site")
        delivery = {row for (row,) in response.rows("SELECT DISTINCT delivery FROM query_results")}
        _promise(delivery <= {"confirmed"}, f"answers are not confirmed: {delivery}")
        for table in _MIRRORED:
            _promise(
                set(request.rows(table[0])) == set(response.rows(table[1])), f"not the same on both sites: {table[0]}"
            )
        for site in self.sites.both():
            left = self._left(site.name)
            _promise(left == ["holdings"], f"left on the stick of {site.name}: {left}")
            self._check_alarms(site)

    def _check_alarms(self, site: ModelSite) -> None:
        _promise(not self._told(site), f"false alarms at {site.name}: {self._told(site)}")
        ((alarms,),) = site.rows("SELECT count(*) FROM audit_logs WHERE action = 'site.rolled_back'")
        _promise(not alarms or self.restored[site.name] > 0, f"{site.name} says that it was restored, and it was not")
        again = site.rows(
            "SELECT 1 FROM export_batches WHERE mode = 'batch' AND error_message LIKE '%no longer lists%'"
        )
        _promise(
            not again or self.restored[PEER[site.name]] > 0 or self.days > 60,
            f"{site.name} sent again what {PEER[site.name]} has never lost",
        )
        unfinished = site.rows("SELECT 1 FROM export_batches WHERE status IN ('pending', 'processing')")
        _promise(not unfinished, f"{site.name} left an export unfinished")
        known = {row for (row,) in site.rows("SELECT id::text FROM export_batches WHERE NOT metadata ? 'forgotten'")}
        listed = {
            row
            for (row,) in self.sites[PEER[site.name]].rows(
                "SELECT source_batch_id::text FROM import_batches WHERE status = 'completed' AND mode = 'batch'"
            )
        }
        _promise(bool(alarms) or listed <= known, f"{site.name} was restored, and does not say so")

    def _content(self) -> dict[str, set[tuple[Any, ...]]]:
        return {f"{site} {sql}": set(self.sites[site].rows(sql)) for site, found in _CONTENT.items() for sql in found}

    def _compare(self, before: dict[str, set[tuple[Any, ...]]], *, but: Collection[str] = ()) -> None:
        """Nothing has changed, besides the tables in ``but``; and what a restored site forgot may come back."""
        for name, rows in self._content().items():
            if name.split(" ", 1)[1] in but:
                continue
            new = {row for row in rows - before[name] if row[0] not in self.forgotten}
            gone = before[name] - rows
            _promise(not new and not gone, f"changed by a replay: {name}: {gone} -> {new}")

    # How it is told

    def _do(self, site: str, step: str, *, crash: str | None = None, **arguments: Any) -> Any:
        """One step of a site, and the check after it; None where it crashed."""
        self.tally.steps += 1
        here = self.sites[site]
        at = self._now(site)
        try:
            if crash is None:
                said = here.do(step, at=at, **arguments)
            else:
                said = here.do("arm", at=at, text=crash, then=step, arguments=arguments)
        except CrashedError:
            said = None
        self.check(site, released=step == "release_held")
        return said

    def _now(self, site: str) -> float:
        self.time += 20
        return self.time + self.offset[site]

    def _fault(self, kind: str) -> None:
        self.tally.faults[kind] += 1


def _promise(kept: bool, otherwise: str) -> None:
    if not kept:
        raise BrokenPromiseError(otherwise)


_USERS = "SELECT id::text, username, role, profile_type, rate_limit_per_minute, priority, is_active, absent FROM users"
# One whom a snapshot lacks leaves a row that says no more than that.
_PRESENT = f"{_USERS} WHERE NOT absent"
_PROFILES = "SELECT id::text, name, rate_limit_per_minute, priority, max_size FROM profile_types"
_INDICES = "SELECT name, title, fields::text FROM indices"
_MIRRORED = (
    (_PRESENT, _USERS),
    (_PROFILES, _PROFILES),
    (_INDICES, _INDICES),
)
_STATES = (_PRESENT, _PROFILES, _INDICES)
_CONTENT = {
    "request": (
        "SELECT id::text, status, error_code, query_params::text FROM requests",
        "SELECT request_id::text, id::text, result_data::text FROM responses",
        _PRESENT,
        _PROFILES,
        _INDICES,
    ),
    "response": (
        "SELECT original_request_id::text, status, query_params::text FROM incoming_requests",
        "SELECT original_request_id::text, id::text, status, result_data::text FROM query_results",
        _USERS,
        _PROFILES,
        _INDICES,
    ),
}
