"""Each rule of "Who holds what", left out on purpose: what a child puts in the place of the rule."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from django.conf import settings

from common_apps.core import clock
from common_apps.transfer import selectors
from common_apps.transfer.bundle.envelope import Signer
from common_apps.transfer.bundle.errors import BundleError
from common_apps.transfer.bundle.streams import HOLDINGS
from common_apps.transfer.keys import KeyFolder
from common_apps.transfer.models import AppliedState, ExportBatch
from common_apps.transfer.services import (
    applying_states,
    days,
    deltas,
    export,
    export_state,
    heeding,
    hello,
    holdings,
    imports,
    intake,
    judging,
    judging_states,
    known,
    media,
    peer,
    quarantine,
    settling,
)

_replaced: list[tuple[Any, str, Any]] = []


def leave_out(name: str) -> None:
    """Leaves the rule out until ``put_back``. Raises KeyError for a name that is not in the table."""
    RULES[name].do()


def put_back() -> None:
    """Every rule is there again."""
    while _replaced:
        owner, attribute, original = _replaced.pop()
        setattr(owner, attribute, original)


def _replace(owner: Any, attribute: str, value: Any) -> None:
    _replaced.append((owner, attribute, getattr(owner, attribute)))
    setattr(owner, attribute, value)


def _of_site(site: str, module: str) -> Any:
    """A module that one site alone has; None on the other."""
    return importlib.import_module(module) if site == settings.SITE else None


def _set(owner: Any, **values: Any) -> Callable[[], None]:
    """Puts the values in the places of the owner's."""

    def do() -> None:
        for attribute, value in values.items():
            _replace(owner, attribute, value)

    return do


def _set_of_site(site: str, module: str, **values: Any) -> Callable[[], None]:
    """The same in a module that one site alone has."""

    def do() -> None:
        owner = _of_site(site, module)
        if owner is not None:
            _set(owner, **values)()

    return do


class _Nothing:
    """Rows of no state: whatever comes is newer."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: self

    def first(self) -> None:
        """There is none."""


class _NothingApplied:
    objects = _Nothing()


def _no_signatures() -> None:
    """Whatever comes was written by the peer."""
    sound = intake.check_signature

    def check(envelope: Any, trusted: Any, own: Any = ()) -> Any:
        try:
            return sound(envelope, trusted, own)
        except BundleError:
            key = trusted[0]
            return Signer(site=key.site, fingerprint="0" * 64, streams=key.streams, own=False)

    _replace(intake, "check_signature", check)


def _newest_heard() -> None:
    """Of ``heard`` what the newest hello says, not the greatest."""

    def heed(found: Any, heard: int, *, tell: bool) -> None:
        found.heard = heard

    _replace(hello, "_heed_heard", heed)


def _applied_holdings() -> int:
    """The version of the peer's holdings whose payload was heeded."""
    return AppliedState.objects.filter(stream=HOLDINGS).values_list("seq", flat=True).first() or 0


def _own_version() -> None:
    """A state's version without a look at what the peer shows."""

    def version(stream: str) -> int:
        return max(selectors.newest_version(stream) + 1, int(clock.now().timestamp() * 1000))

    _replace(export_state, "_next_version", version)


def _no_forgotten_versions() -> None:
    """A new state is not due because the list shows another bundle of the same or a greater version."""
    sound = export_state._is_due

    def is_due(run: Any, sender: Any, said: Any) -> bool:
        newest = export_state.newest_state_bundle(run.stream)
        if said is not None or newest is None or newest.superseded_at is not None:
            return sound(run, sender, said)
        with export_state.repeatable_read():
            lines = export_state.lines_in_schema(run.stream, sender.snapshot(), newest.schema)
            if export_state.snapshot_digest(lines) != newest.digest:
                return True
        return False

    _replace(export_state, "_is_due", is_due)


def _dates_are_read() -> None:
    """Days are read off the calendar instead of counted."""

    def today() -> int:
        return max(0, (clock.now().date() - date(2020, 1, 1)) // timedelta(days=1))

    for module in (days, heeding, intake, export, holdings, imports):
        for name in ("count_day", "known_day"):
            if hasattr(module, name):
                _replace(module, name, today)


def _carry_held() -> None:
    """What the peer holds is carried all the same."""

    def unconfirmed() -> Any:
        return selectors.unconfirmed_bundles()

    sound = selectors.bundles_to_carry

    def to_carry() -> list[ExportBatch]:
        found = sound()
        known_ids = {batch.pk for batch in found}
        return found + [batch for batch in unconfirmed() if batch.pk not in known_ids]

    _replace(media, "bundles_to_carry", to_carry)


def _stays_held() -> None:
    """What is released and can't be read stays held."""
    sound = intake.wait

    def wait(met: Any, *, status: Any, actor: Any) -> Any:
        if met.candidate.in_quarantine:
            return settling.describe_import(met, status.value, status.value)
        return sound(met, status=status, actor=actor)

    _replace(intake, "wait", wait)


class Rule:
    """A rule by its words, and how it is left out."""

    def __init__(self, words: str, do: Callable[[], None]) -> None:
        self.words, self.do = words, do


_RESULTS = "request_site.submissions.services.results"
_RECEIVE = "response_site.execution.services.receive"
_DELIVER = "response_site.execution.streams"

RULES: dict[str, Rule] = {
    "signature": Rule("what no trusted key has signed is not read", _no_signatures),
    "own_come_back": Rule(
        "a bundle of ours come back is ignored",
        lambda: _replace(intake, "_believed", lambda keys: (keys.trusted_keys(), [])),
    ),
    "duplicate": Rule("id and bytes again: a duplicate", _set(intake, find_known=lambda batch_id, folders: None)),
    "rolled_back": Rule("an older state is dropped", _set(intake, AppliedState=_NothingApplied)),
    "first_answer": Rule(
        "the first answer stands",
        _set_of_site(
            "request",
            _RESULTS,
            _LOCK="SELECT id FROM requests WHERE id IN (SELECT request_id FROM incoming_results_1)"
            " AND (%(final)s::text[] IS NOT NULL OR id = ANY(%(recovered)s)) ORDER BY id FOR UPDATE",
            _ENTER="""
    INSERT INTO responses (id, request_id, result_data, result_count, execution_time_ms, elasticsearch_took_ms,
                           executed_at, received_at, import_batch_id, is_cached, cache_age_s, cache_key, metadata)
    SELECT DISTINCT ON (request_id) id, request_id, result, result_count, execution_time_ms, elasticsearch_took_ms,
           executed_at, %(at)s::timestamptz, %(batch)s, cache_hit, cache_age_s, '', '{}'::jsonb
    FROM incoming_results_1 WHERE request_id = ANY(%(open)s) ORDER BY request_id, id
    ON CONFLICT (request_id) DO UPDATE SET id = excluded.id, result_data = excluded.result_data RETURNING id
""",
        ),
    ),
    "recovered": Rule(
        "a request that its site has forgotten comes back with its answer",
        _set_of_site("request", _RESULTS, _RECOVER="SELECT %(at)s::text WHERE false"),
    ),
    "answered_again": Rule(
        "a known request whose answer was confirmed is answered again",
        _set_of_site(
            "response",
            _RECEIVE,
            _SEND_AGAIN="UPDATE query_results SET delivery = delivery"
            " WHERE %(at)s::text = '' AND original_request_id = ANY(%(ids)s)",
        ),
    ),
    "confirm": Rule("what is listed as applied is confirmed", _set(judging, _confirm=lambda *_: 0)),
    "miss": Rule("confirmed and no longer listed: superseded, its rows travel anew", _set(judging, _miss=lambda *_: 0)),
    "unanswered_for_ever": Rule(
        "a bundle with an unanswered request is judged for ever", _set(judging, has_unanswered_rows=lambda batch: False)
    ),
    "sixty_days": Rule("an answer is judged for 60 days after its confirmation", _set(judging, KEPT_DAYS=0)),
    "counted_days": Rule("days are counted, not read", _dates_are_read),
    "listed_long": Rule("applied bundles are listed for 90 days", _set(holdings, LISTED_DAYS=1)),
    "readable": Rule(
        "unconfirmed and not readable there: superseded",
        lambda: (
            _replace(judging, "is_readable_by", lambda *_: True),
            _replace(export_state, "is_readable_by", lambda *_: True),
        )[0],
    ),
    "intact": Rule("unconfirmed and its file is lost or damaged: superseded", _set(judging, is_intact=lambda *_: True)),
    "requeue": Rule("rows of a superseded bundle are pending again", _set(judging, requeue_rows=lambda batch: 0)),
    "held_stays": Rule("what the peer holds is not carried", _carry_held),
    "held_again": Rule(
        "held once and no longer listed: carried again",
        _set(judging, _carry_again=lambda batch, *_: 0),
    ),
    "held_forgotten": Rule(
        "a held bundle whose file is gone is forgotten",
        lambda: (
            _replace(known, "forget_lost", lambda *_: False),
            _replace(quarantine, "forget_lost", lambda *_: False),
            _replace(export, "forget_lost_held", lambda folders: 0),
        )[0],
    ),
    "held_unreadable": Rule("what is released and can't be read is dropped, and comes again", _stays_held),
    "discarded": Rule("discarded there: ended", _set(judging, _end=lambda *_: 0)),
    "answer_discarded": Rule(
        "a discarded answer goes anew as a failure",
        _set_of_site("response", _DELIVER, replace_discarded=lambda **_: 0),
    ),
    "versions": Rule("a version is greater than what the peer shows", _own_version),
    "hello_heard": Rule(
        "a hello is heard also where the payload can't be read",
        _set(peer, _heard_version=_applied_holdings),
    ),
    "late_trust": Rule(
        "what late holdings of the peer don't trust is not signed with",
        _set(intake, was_met=lambda batch_id: True),
    ),
    "greatest_heard": Rule("of heard the greatest ever seen counts", _newest_heard),
    "state_forgotten": Rule(
        "the list shows another bundle of the same or a greater version: a new one is written", _no_forgotten_versions
    ),
    "state_missed": Rule(
        "the newest state was listed and is no more: it goes again",
        lambda: _replace(judging_states, "_miss", lambda *_: 0),
    ),
    "state_file": Rule(
        "the newest state's file is gone or unreadable there: a new one is written",
        _set(export_state, _can_be_carried=lambda *_: True),
    ),
    "missing_base": Rule(
        "a delta that does not fit is refused, and a snapshot follows",
        lambda: _replace(
            applying_states,
            "snapshot_digest",
            _Always(),
        ),
    ),
    "delta_base": Rule(
        "a delta starts at the version listed as applied",
        lambda: _replace(
            deltas,
            "_known_base",
            lambda stream: selectors.newest_version(stream) or None,
        ),
    ),
    "site_rolled_back": Rule(
        "bundles that are listed and unknown: the site was restored, and says so",
        lambda: (
            _replace(heeding, "note_forgotten", lambda **_: 0),
            _replace(hello, "raise_rolled_back", lambda **_: None),
        )[0],
    ),
    "believed_keys": Rule(
        "a site signs with its newest key that the peer trusts, and writes to the newest box key it announces",
        _set(peer, heard_hello=lambda: None),
    ),
    "given_key": Rule(
        "a site that has not heard its peer signs with the newest key that the peer was given",
        _set(KeyFolder, active_signing_key=KeyFolder.signing_key),
    ),
    "dead_exporter": Rule(
        "what a dead exporter left is finished or given back",
        lambda: (
            _replace(export, "recover_exports", lambda run: []),
            _replace(intake, "settle_dead_exporter", lambda **_: None),
        )[0],
    ),
    "mass_removal": Rule(
        "more than half of the users deactivated: held until an operator releases it",
        _set(applying_states, _MASS=10**9),
    ),
}


class _Always(str):
    """Equal to every digest."""

    def __call__(self, lines: Any) -> _Always:
        for _ in lines:
            pass
        return self

    def __ne__(self, other: object) -> bool:
        return False

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = str.__hash__
