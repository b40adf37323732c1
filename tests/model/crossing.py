"""The model: two sites, some sticks, and all that people, sticks and machines may do to them."""

from __future__ import annotations

import shutil
from typing import Any

from common_apps.transfer.bundle.names import sidecar_name
from tests.model import forger
from tests.model.history import History, Tally
from tests.model.promises import MOST_TRIPS, STATES, Promises, promise
from tests.model.sites import PEER, START, Backup, CrashedError, Sites
from tests.model.stick import Stick

STICKS = 3
_DAY = 86_400.0
# A backup may be 30 days old, and the way may take 30 more.
MOST_DAYS = 25


class Crossing:
    """One run, from two sites that have never met."""

    def __init__(self, sites: Sites, tally: Tally, *, met: bool, mutant: str | None = None) -> None:
        self.sites = sites
        self.tally = tally
        self.time = START + 60
        self.offset = {"request": 0.0, "response": 0.0}
        self.number = 0
        self.history = History()
        self.promises = Promises(sites, self.history)
        self.backups: dict[str, list[tuple[int, Backup]]] = {"request": [], "response": []}
        for site in sites.both():
            site.begin_anew(sites.strangers[site.name])
            site.do("mutate", at=self.time, name=mutant)
            site.do("misread", at=self.time, stream=None)
        self.sticks = [Stick(sites.stick / str(number)) for number in range(STICKS)]
        for stick in self.sticks:
            stick.wipe()
        self.promises.note_users()
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
        self.history.asked |= asked
        self.history.seen.requests |= set(asked)
        self.tally.requests += len(asked)
        self.promises.check("request")

    def execute(self, limit: int) -> None:
        """The response site's drains answer."""
        self.tally.steps += 1
        self.history.executed.update(self.sites.response.do("execute", at=self._now("response"), limit=limit))
        self.promises.check("response")

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
        self.promises.note_users()

    def export(self, site: str) -> None:
        """The watcher, or a button: what waits is written, and nobody carries it yet."""
        self._do(site, "export")

    # What the courier does

    def sync(self, site: str, stick: int, crash: str | None = None) -> None:
        """The courier's command: takes what has come, then leaves what has to go."""
        self.tally.trips += 1
        fault = self._do(site, "sync", crash=crash, path=str(self.sticks[stick].path))
        promise(fault is None, f"the courier is told: {fault}")
        if crash is None:
            here = self.sites[site]
            held = {name for (name,) in here.rows("SELECT filename FROM export_batches WHERE held_at IS NOT NULL")}
            carried = {path.name for path in self.sticks[stick].bundles(site)} & held
            promise(not carried, f"{PEER[site]} holds it, and it is carried: {carried}")

    def visit(self, site: str, stick: int) -> None:
        """The courier comes by where work goes on: something was asked meanwhile, or is answered now."""
        if site == "request":
            self.submit(1)
        self.sync(site, stick)
        if site == "response":
            self.execute(50)

    def drop_in(self, site: str, which: int, whole: bool) -> None:
        """Somebody copies an old bundle into IMPORT_DIR by hand, perhaps without its sidecar."""
        names = sorted(name for name, each in self.history.written.items() if each.source == PEER[site])
        if names:
            self._fault("replayed")
            written = self.history.written[names[which % len(names)]]
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
        self.history.discarded |= set(self._do(site, "discard_held"))

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
        names = sorted(self.history.written)
        for number in range(min(count, len(names))):
            self._fault("replayed")
            self.sticks[stick].put(self.history.written[names[(which + number) % len(names)]], trip="20010101_000000")

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
            # What was cut down to nothing stays nothing.
            if data := path.read_bytes():
                path.write_bytes(change(data))

    def rename(self, stick: int, which: int, other: int) -> None:
        """A bundle lies there under the name of another, or beside the sidecar of another."""
        names = sorted(self.history.written)
        if names:
            self._fault("misnamed")
            one, two = self.history.written[names[which % len(names)]], self.history.written[names[other % len(names)]]
            self.history.spoilt.add(one.checksum)
            path = self.sticks[stick].put(one, trip="20010102_000000", name=two.name if other % 2 else one.name)
            path.with_name(path.name + ".meta.json").write_bytes(two.sidecar)

    def turn_back(self, stick: int, which: int) -> None:
        """A site's own bundle comes back as if the other had written it."""
        names = sorted(self.history.written)
        if names:
            self._fault("turned back")
            own = self.history.written[names[which % len(names)]]
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
        names = sorted(self.history.written)
        if len(names) > 1:
            one = self.history.written[names[which % len(names)]]
            two = self.history.written[names[(which + 1 + other % (len(names) - 1)) % len(names)]]
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
        backups.append((self.history.days, self.sites[site].back_up()))
        del backups[:-3]

    def restore(self, site: str, which: int, what: str) -> None:
        """One not older than a month is put back, silently: the database, the keys, or both. What the command `restore`
        is told of (`told`) may be older.
        """
        backups = [
            backup for day, backup in self.backups[site] if self.history.days - day <= MOST_DAYS or what == "told"
        ]
        if not backups:
            return
        self._fault("restored")
        here = self.sites[site]
        here.put_back(backups[which % len(backups)], database=what != "keys", keys=what in ("keys", "both"))
        if what in ("keys", "both"):
            self.history.keys_restored.add(site)
        if what == "keys":
            return
        self.history.restored[site] += 1
        self.history.versions.pop(site, None)
        if what == "told":
            here.do("settle_restored", at=self._now(site), created_at="2026-09-21T00:00:00Z")
        if site == "request":
            self.history.forgotten |= set(self.history.asked) - {
                row for (row,) in here.rows("SELECT id::text FROM requests")
            }
            self.promises.see_anew()
        else:
            self.promises.note_users()

    def set_clock(self, site: str, days: int) -> None:
        """Its clock is so many days ahead (or back) of the other's."""
        self._fault("clock set")
        self.history.days += 1
        self.offset[site] = days * _DAY

    def pass_days(self, site: str, count: int) -> None:
        """Days go by at a site."""
        self.history.days += count
        self._do(site, "pass_days", count=count)
        self.offset[site] += count * _DAY

    def lose_file(self, site: str, which: int, how: str) -> None:
        """A site's disk loses a bundle that it has written, or its sidecar, or damages either."""
        found = sorted(self.sites[site].exports.glob("*/*.enc"))
        if found:
            self._fault("disk")
            bundle = path = found[which % len(found)]
            if "sidecar" in how:
                path = bundle.with_name(sidecar_name(bundle.name))
                if not path.exists():
                    # A crash while files were tidied has left the bundle alone.
                    return
                # A courier may come before the damage is noticed.
                self.history.spoilt.add(self.history.written[bundle.name].checksum)
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
        self.history.misread.add(stream)
        for site in self.sites.both():
            site.do("misread", at=self._now(site.name), stream=stream)

    # The end of a run

    def finish(self) -> None:
        """A fair drain; then everything ever written comes once more, and a drain again."""
        self.drain()
        self.promises.check_drained(self.sticks[0])
        before = self.promises.content()
        self.replay_everything()
        # A version that a master wrote, never carried, and then forgot with a backup may be greater than any since:
        # it is applied, and the next trip brings a greater one.
        self.promises.compare(before, but=STATES if self.history.restored["response"] else ())
        self.drain()
        self.promises.check_drained(self.sticks[0])
        self.promises.compare(before)
        self.promises.count(self.tally)

    def drain(self) -> None:
        """Honest trips, and everything heeded, until nothing moves any more."""
        self.sticks[0].wipe()
        quiet = 0
        for _ in range(MOST_TRIPS):
            for site in ("request", "response"):
                self.sync(site, 0)
                self.release(site)
                self.confirm_keys(site)
            self.execute(500)
            # A site that was restored while its clock was ahead is heard on the second trip only.
            quiet = quiet + 1 if self.promises.is_still(self.sticks[0]) else 0
            if quiet == 2:
                return

    def replay_everything(self) -> None:
        """All that was ever written comes once more, the youngest first."""
        for written in sorted(self.history.written.values(), key=lambda each: each.name, reverse=True):
            self.sticks[0].put(written, trip="20010101_000000")
        self.sync("request", 0)
        self.sync("response", 0)
        self.execute(500)

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
        self.promises.check(site, released=step == "release_held")
        return said

    def _now(self, site: str) -> float:
        self.time += 20
        return self.time + self.offset[site]

    def _fault(self, kind: str) -> None:
        self.tally.faults[kind] += 1
