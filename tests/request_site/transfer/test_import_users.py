"""Users come whole or as what has changed; a delta has to lead to what the other site has, or it changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from common_apps.accounts.models import User
from common_apps.accounts.streams import USER_FIELDS, user_lines
from common_apps.audit.actors import SYSTEM
from common_apps.core.ids import new_id
from common_apps.transfer.bundle import records
from common_apps.transfer.bundle.codec import encode_record, snapshot_digest
from common_apps.transfer.bundle.writer import WrittenBundle
from common_apps.transfer.folders import site_folders
from common_apps.transfer.models import AppliedState
from common_apps.transfer.services import export_stream, scan_imports
from tests.common.transfer.kit import Peer
from tests.common.transfer.test_schemas import upgraded

pytestmark = pytest.mark.django_db(transaction=True)


def _people(count: int) -> list[records.User]:
    return sorted((_person(f"user{number}") for number in range(count)), key=lambda each: str(each.id))


def _person(username: str, **changes: Any) -> records.User:
    user = User(id=new_id(), username=username, password="!", profile_type_id="basic")
    fields = {wire: getattr(user, name) for wire, name in USER_FIELDS.items()}
    return records.User(**(fields | changes))


def _change(person: records.User, **changes: Any) -> records.User:
    return records.User(**(_fields(person) | changes))


def _fields(person: records.Record) -> dict[str, Any]:
    return {name: getattr(person, name) for name in USER_FIELDS}


def _digest(people: Iterable[records.User]) -> str:
    return snapshot_digest(encode_record(each) for each in sorted(people, key=lambda each: str(each.id)))


def _snapshot(peer: Peer, people: Sequence[records.User], **facts: Any) -> WrittenBundle:
    return peer.write("users", [encode_record(each) for each in people], **facts)


def _delta(peer: Peer, changed: Sequence[records.User], *, stands_for: Iterable[records.User]) -> WrittenBundle:
    lines = [encode_record(each) for each in changed]
    return peer.write("users", lines, mode="delta", digest=_digest(stands_for))


def _scan() -> list[tuple[str, str | None]]:
    return [(each.outcome, each.code) for each in scan_imports(actor=SYSTEM)]


def _told(peer: Peer) -> records.State:
    (outcome,) = export_stream(stream="holdings", actor=SYSTEM)
    _, lines = peer.read(site_folders().exports / "holdings" / outcome.file)
    (state,) = [each for each in lines if isinstance(each, records.State) and each.stream == "users"]
    return state


def test_delta_changes_its_users_alone_when_its_base_is_here(peer: Peer) -> None:
    ada, bob, eve = _people(3)
    _snapshot(peer, [ada, bob])
    assert _scan() == [("completed", None)]
    bobby = _change(bob, full_name="Bobby", is_active=False)
    delta = _delta(peer, [bobby, eve], stands_for=[ada, bobby, eve])
    assert _scan() == [("completed", None)]
    assert snapshot_digest(user_lines()) == _digest([ada, bobby, eve])
    state = AppliedState.objects.get(stream="users")
    assert (state.batch_id, state.digest) == (delta.batch_id, delta.digest)
    assert _told(peer).batch_id == delta.batch_id


def test_delta_without_a_record_is_applied_when_its_digest_says_that_nothing_is_missing(peer: Peer) -> None:
    people = _people(2)
    _snapshot(peer, people)
    delta = _delta(peer, [], stands_for=people)
    assert _scan() == [("completed", None), ("completed", None)]
    assert _told(peer).batch_id == delta.batch_id


@pytest.mark.parametrize("base", [0, 1], ids=["nothing is here", "something else is here"])
def test_delta_changes_nothing_and_is_told_as_refused_when_its_base_is_missing(peer: Peer, base: int) -> None:
    ada, bob, eve = _people(3)
    _snapshot(peer, [eve][:base])
    assert _scan() == [("completed", None)]
    before = list(User.objects.order_by("id").values())
    refused = _delta(peer, [bob], stands_for=[ada, bob])
    assert _scan() == [("dropped", "missing_base")]
    assert list(User.objects.order_by("id").values()) == before
    told = _told(peer)
    assert told.refused == records.Refused(seq=refused.header.seq, batch_id=refused.batch_id, code="missing_base")
    # The snapshot that answers it.
    answer = _snapshot(peer, [ada, bob])
    assert _scan() == [("completed", None)]
    assert _told(peer) == records.State(stream="users", seq=answer.header.seq, batch_id=answer.batch_id, refused=None)


def test_delta_lacks_its_base_when_a_name_is_still_taken_here(peer: Peer) -> None:
    ada, bob = _people(2)
    _snapshot(peer, [ada])
    _scan()
    # There ada has another name since long, in a version that never came; here the database refuses a second one.
    heir = _change(bob, username=ada.username)
    _delta(peer, [heir], stands_for=[_change(ada, username="countess"), heir])
    assert _scan() == [("dropped", "missing_base")]


def test_delta_brings_back_a_user_whom_a_snapshot_lacked(peer: Peer) -> None:
    ada, bob = _people(2)
    _snapshot(peer, [ada, bob])
    _snapshot(peer, [ada])
    assert _scan() == [("completed", None), ("completed", None)]
    assert User.objects.get(pk=bob.id).absent
    # Whoever is absent is not in the digest.
    _delta(peer, [], stands_for=[ada])
    _delta(peer, [bob], stands_for=[ada, bob])
    assert _scan() == [("completed", None), ("completed", None)]
    back = User.objects.get(pk=bob.id)
    assert (back.absent, back.is_active, back.username) == (False, True, bob.username)


@pytest.mark.parametrize(
    ("active", "stay", "outcome"),
    [
        (10, 5, ("completed", None)),
        (10, 4, ("quarantined", "mass_removal")),
        (9, 0, ("completed", None)),
    ],
)
@pytest.mark.parametrize("mode", ["snapshot", "delta"])
def test_users_are_held_when_more_than_half_of_ten_would_be_deactivated(
    peer: Peer, mode: str, active: int, stay: int, outcome: tuple[str, str | None]
) -> None:
    people = _people(active)
    idle = [_person(f"idle{number}", is_active=False) for number in range(20)]
    newcomers = [_person(f"new{number}") for number in range(20)]
    _snapshot(peer, sorted([*people, *idle], key=lambda each: str(each.id)))
    assert _scan() == [("completed", None)]
    before = snapshot_digest(user_lines())
    gone = [_change(each, is_active=False) for each in people[stay:]]
    after = [*people[:stay], *gone, *idle, *newcomers]
    if mode == "delta":
        coming = sorted([*gone, *newcomers], key=lambda each: str(each.id))
        bundle = _delta(peer, coming, stands_for=after)
    else:
        coming = sorted([*people[:stay], *idle, *newcomers], key=lambda each: str(each.id))
        bundle = _snapshot(peer, coming)
    assert _scan() == [outcome]
    refused = _told(peer).refused
    if outcome[0] == "completed":
        assert refused is None
    else:
        assert snapshot_digest(user_lines()) == before
        assert refused == records.Refused(seq=bundle.header.seq, batch_id=bundle.batch_id, code="mass_removal")


def test_users_are_judged_by_their_digest_first_when_a_delta_would_also_deactivate_most(peer: Peer) -> None:
    people = _people(10)
    _snapshot(peer, people)
    _scan()
    gone = [_change(each, is_active=False) for each in people]
    _delta(peer, gone, stands_for=people)
    assert _scan() == [("dropped", "missing_base")]


def test_delta_of_an_older_peer_is_checked_in_its_schema(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bob = _people(2)
    _snapshot(peer, [ada])
    _scan()
    delta = _delta(peer, [bob], stands_for=[ada, bob])
    with upgraded("users") as shapes:
        # This release has a column more; the digest of all that is here is told without it.
        monkeypatch.setattr(
            "common_apps.accounts.streams.encode_record",
            lambda each: encode_record(shapes["User"](**_fields(each), colour="red")),
        )
        assert _scan() == [("completed", None)]
    assert AppliedState.objects.get(stream="users").batch_id == delta.batch_id
