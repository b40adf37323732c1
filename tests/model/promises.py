"""What must be true of two sites, whatever was done to them: after each step, and once all is carried."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from tests.model.history import History, Seen, Tally
from tests.model.sites import PEER, ModelSite, Sites
from tests.model.stick import Stick, read_written

MOST_TRIPS = 10
_FINAL = ("completed", "failed", "cancelled")


class BrokenPromiseError(AssertionError):
    """What must always be true is not."""


class Promises:
    """Looks at the rows and files of both sites, and at what was done to them."""

    def __init__(self, sites: Sites, history: History) -> None:
        self.sites = sites
        self.history = history

    def check(self, site: str, *, released: bool = False) -> None:
        """After every step at a site."""
        here = self.sites[site]
        for written in read_written(here.exports, site, set(self.history.written)):
            self.history.written[written.name] = written
        self._check_imports(here)
        self._check_versions(here)
        if site == "request":
            self._check_requests(here)
            self._check_users(here, released=released)
        else:
            self._check_incoming(here)

    def _check_imports(self, here: ModelSite) -> None:
        sound = {each.checksum: each for each in self.history.written.values() if each.source == PEER[here.name]}
        own = {each.checksum for each in self.history.written.values() if each.source == here.name}
        for checksum, status, code, stream in here.rows(
            "SELECT checksum, status, coalesce(code, ''), batch_type FROM import_batches"
        ):
            if status == "completed":
                promise(checksum in sound, f"a bundle that {PEER[here.name]} never wrote was applied: {checksum}")
            elif status == "failed" and checksum in own:
                promise(
                    here.name in self.history.keys_restored,
                    f"a bundle of {here.name} itself lies in quarantine: {code}",
                )
            elif status == "failed" and checksum in sound:
                excused = (
                    (code in ("name_not_allowed", "sidecar_mismatch") and checksum in self.history.spoilt)
                    or (code == "bad_record" and stream in self.history.misread)
                    or (code == "bad_signature" and here.name in self.history.keys_restored)
                    or code == "mass_removal"
                )
                promise(excused, f"a sound bundle of {stream or sound[checksum].stream} lies in quarantine: {code}")

    def _check_versions(self, here: ModelSite) -> None:
        """Nothing brings an older state back, but a backup."""
        now = dict(
            here.rows("SELECT stream, seq FROM applied_states UNION ALL SELECT 'heard', heard FROM transfer_peer")
        )
        before = self.history.versions.get(here.name, {})
        older = {name for name in before if now.get(name, 0) < before[name]}
        promise(not older, f"older than before at {here.name}: {older}")
        self.history.versions[here.name] = now

    def _check_requests(self, here: ModelSite) -> None:
        rows = here.rows(
            "SELECT r.id::text, r.status, r.query_params->'query'->'range'->'amount'->>'gte', a.result_data::text,"
            " r.error_code, a.id::text FROM requests r LEFT JOIN responses a ON a.request_id = r.id"
        )
        ids = [row[0] for row in rows]
        promise(len(ids) == len(set(ids)), "a request is answered twice")
        promise(self.history.seen.requests <= set(ids), "a request has vanished")
        self.history.seen.requests = set(ids)
        for request_id, status, number, result, code, answer in rows:
            promise(request_id in self.history.asked, f"a forged request: {request_id}")
            promise(int(number) == self.history.asked[request_id], f"a changed request: {request_id}")
            if status == "completed":
                promise(json.loads(result or "{}") == {"answer_to": request_id}, f"a forged answer: {result}")
                promise(self.history.executed[request_id] > 0, f"an answer that nobody gave: {request_id}")
            elif status in _FINAL:
                excused = (code == "bad_record" and "requests" in self.history.discarded) or (
                    code == "answer_discarded" and "results" in self.history.discarded
                )
                promise(excused, f"request {request_id} is {status}: {code}")
            before = self.history.seen.answers.get(request_id)
            promise(before in (None, (status, answer)), f"a final state has changed: {before} -> {status}, {answer}")
            if status in _FINAL:
                self.history.seen.answers[request_id] = (status, answer)

    def see_anew(self) -> None:
        """A backup was put back on the request site: what is final counts from here."""
        self.history.seen = Seen(requests={row for (row,) in self.sites.request.rows("SELECT id::text FROM requests")})
        self._check_requests(self.sites.request)
        self._check_users(self.sites.request, released=True)

    def _check_incoming(self, here: ModelSite) -> None:
        rows = here.rows(
            "SELECT i.original_request_id::text, i.query_params->'query'->'range'->'amount'->>'gte', i.status,"
            " q.original_request_id::text FROM incoming_requests i LEFT JOIN query_results q ON q.request_id = i.id"
        )
        ids = [row[0] for row in rows]
        promise(len(ids) == len(set(ids)), "a request is applied or answered twice")
        for request_id, number, status, answered in rows:
            promise(request_id in self.history.asked, f"a forged request came in: {request_id}")
            promise(int(number) == self.history.asked[request_id], f"a changed request came in: {request_id}")
            promise((status in _FINAL) == (answered is not None), f"{request_id} is {status}, its answer {answered}")

    def _check_users(self, here: ModelSite, *, released: bool) -> None:
        rows = here.rows(_USERS)
        for row in rows:
            promise(row[-1] or row[:-1] in self.history.users, f"a user as the master never had it: {row}")
        active = {row[0] for row in rows if row[-2]}
        gone = self.history.active - active
        many = len(self.history.active) >= 10 and len(gone) * 2 > len(self.history.active)
        promise(released or not many, f"{len(gone)} of {len(self.history.active)} users are gone, and nobody was asked")
        self.history.active = active

    def note_users(self) -> None:
        """What the master has now is what the mirror may have."""
        self.history.users |= {row[:-1] for row in self.sites.response.rows(_USERS)}

    def _open(self) -> list[str]:
        return [
            row
            for (row,) in self.sites.request.rows(
                f"SELECT id::text FROM requests WHERE status NOT IN {_FINAL} ORDER BY 1"
            )
        ]

    def is_still(self, stick: Stick) -> bool:
        """Whether all is answered and told, and holdings alone are left on the stick."""
        left = all(stick.streams(site) == ["holdings"] for site in PEER)
        return left and not self._open() and not self._moving()

    def _moving(self) -> bool:
        """Whether an answer is still on its way, or an alert that a further trip may end."""
        answers = self.sites.response.rows("SELECT 1 FROM query_results WHERE delivery <> 'confirmed' LIMIT 1")
        return bool(answers) or any(self._told(site) for site in self.sites.both())

    def _told(self, site: ModelSite) -> set[str]:
        """The codes of open alerts for which nothing has happened."""
        restored = {"site_rolled_back"} if self.history.restored[site.name] else set()
        return {code for (code,) in site.rows("SELECT code FROM alerts WHERE ended_at IS NULL")} - restored

    def check_drained(self, stick: Stick) -> None:
        """After a fair drain."""
        request, response = self.sites.request, self.sites.response
        stuck = self._open()
        promise(not stuck, f"not answered after {MOST_TRIPS} honest trips: {stuck}")
        there = {row for (row,) in request.rows("SELECT id::text FROM requests")}
        lost = set(self.history.asked) - there
        promise(lost <= self.history.forgotten, f"lost: {lost - self.history.forgotten}")
        arrived = {row for (row,) in response.rows("SELECT original_request_id::text FROM incoming_requests")}
        promise(not lost & arrived, f"answered there, and not come back here: {lost & arrived}")
        waiting = response.rows("SELECT 1 FROM incoming_requests WHERE status NOT IN ('completed')")
        promise(not waiting, "requests wait on the response site")
        delivery = {row for (row,) in response.rows("SELECT DISTINCT delivery FROM query_results")}
        promise(delivery <= {"confirmed"}, f"answers are not confirmed: {delivery}")
        for table in _MIRRORED:
            promise(
                set(request.rows(table[0])) == set(response.rows(table[1])), f"not the same on both sites: {table[0]}"
            )
        for site in self.sites.both():
            left = stick.streams(site.name)
            promise(left == ["holdings"], f"left on the stick of {site.name}: {left}")
            self._check_alarms(site)

    def _check_alarms(self, site: ModelSite) -> None:
        promise(not self._told(site), f"false alarms at {site.name}: {self._told(site)}")
        ((alarms,),) = site.rows("SELECT count(*) FROM audit_logs WHERE action = 'site.rolled_back'")
        promise(
            not alarms or self.history.restored[site.name] > 0, f"{site.name} says that it was restored, and it was not"
        )
        again = site.rows(
            "SELECT 1 FROM export_batches WHERE mode = 'batch' AND error_message LIKE '%no longer lists%'"
        )
        promise(
            not again or self.history.restored[PEER[site.name]] > 0 or self.history.days > 60,
            f"{site.name} sent again what {PEER[site.name]} has never lost",
        )
        unfinished = site.rows("SELECT 1 FROM export_batches WHERE status IN ('pending', 'processing')")
        promise(not unfinished, f"{site.name} left an export unfinished")
        known = {row for (row,) in site.rows("SELECT id::text FROM export_batches WHERE NOT metadata ? 'forgotten'")}
        listed = {
            row
            for (row,) in self.sites[PEER[site.name]].rows(
                "SELECT source_batch_id::text FROM import_batches WHERE status = 'completed' AND mode = 'batch'"
            )
        }
        promise(bool(alarms) or listed <= known, f"{site.name} was restored, and does not say so")

    def content(self) -> dict[str, set[tuple[Any, ...]]]:
        """All rows that no replay may change, by site and question."""
        return {f"{site} {sql}": set(self.sites[site].rows(sql)) for site, found in _CONTENT.items() for sql in found}

    def compare(self, before: dict[str, set[tuple[Any, ...]]], *, but: Collection[str] = ()) -> None:
        """Nothing has changed, besides the tables in ``but``; and what a restored site forgot may come back."""
        for name, rows in self.content().items():
            if name.split(" ", 1)[1] in but:
                continue
            new = {row for row in rows - before[name] if row[0] not in self.history.forgotten}
            gone = before[name] - rows
            promise(not new and not gone, f"changed by a replay: {name}: {gone} -> {new}")

    def count(self, tally: Tally) -> None:
        """For the tally: counted anew from the tables, not taken from the checks above."""
        request, response = self.sites.request, self.sites.response
        final = [row for (row,) in request.rows(f"SELECT id::text FROM requests WHERE status IN {_FINAL}")]
        applied = [row for (row,) in response.rows("SELECT original_request_id::text FROM incoming_requests")]
        answers = [row for (row,) in request.rows("SELECT request_id::text FROM responses")]
        tally.answered += len(set(final) & set(self.history.asked))
        tally.forgotten += len(self.history.forgotten - set(final))
        tally.lost += len(set(self.history.asked) - set(final) - self.history.forgotten)
        tally.doubled += sum(len(each) - len(set(each)) for each in (final, applied, answers))
        tally.forged += len({*final, *applied, *answers} - set(self.history.asked))


def promise(kept: bool, otherwise: str) -> None:
    """Raises BrokenPromiseError where it is not kept."""
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
STATES = (_PRESENT, _PROFILES, _INDICES)
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
