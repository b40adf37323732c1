"""A users bundle that would deactivate most of them: previewed by name, released, or discarded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.db import transaction

from common_apps.accounts.mastership import replica_import
from common_apps.accounts.models import User
from common_apps.accounts.streams import USER_FIELDS
from common_apps.audit.actors import SYSTEM
from common_apps.core.ids import new_id
from common_apps.operations.models import Alert
from common_apps.transfer.bundle import records
from common_apps.transfer.bundle.codec import encode_record, snapshot_digest
from common_apps.transfer.folders import site_folders
from common_apps.transfer.models import AppliedState, ImportBatch
from common_apps.transfer.selectors import quarantined
from common_apps.transfer.services import export_stream, scan_imports
from common_apps.transfer.services.previewing import preview_quarantined
from common_apps.transfer.services.quarantine import discard, release_held
from tests.common.transfer.kit import Peer

pytestmark = pytest.mark.django_db(transaction=True)


def _person(username: str, **changes: Any) -> records.User:
    return _changed(_record(User(id=new_id(), username=username, password="!", profile_type_id="basic")), **changes)


def _record(user: User) -> records.User:
    return records.User(**{wire: getattr(user, name) for wire, name in USER_FIELDS.items()})


def _changed(person: records.User, **changes: Any) -> records.User:
    return records.User(**({name: getattr(person, name) for name in USER_FIELDS} | changes))


def _told(peer: Peer) -> records.State:
    (outcome,) = export_stream(stream="holdings", actor=SYSTEM, full=True)
    _, lines = peer.read(site_folders().exports / "holdings" / outcome.file)
    (state,) = [each for each in lines if isinstance(each, records.State) and each.stream == "users"]
    return state


@pytest.fixture
def held(peer: Peer) -> ImportBatch:
    """Of ten users three stay, one of them under another name, and one is new."""
    people = [_person(f"user{number}") for number in range(10)]
    peer.write("users", [encode_record(each) for each in people])
    assert [each.outcome for each in scan_imports(actor=SYSTEM)] == ["completed"]
    renamed = _changed(people[0], full_name="Ada")
    staying = sorted([renamed, people[1], people[2], _person("newcomer")], key=lambda each: str(each.id))
    peer.write("users", [encode_record(each) for each in staying])
    assert [each.code for each in scan_imports(actor=SYSTEM)] == ["mass_removal"]
    return quarantined().get()


def _active() -> set[str]:
    return set(User.objects.filter(is_active=True).values_list("username", flat=True))


def test_preview_names_the_users_when_most_would_be_deactivated(held: ImportBatch) -> None:
    before = list(User.objects.order_by("id").values())
    found = preview_quarantined(held.pk)
    assert found.sound, found.checks
    assert [(each.what, each.count, each.names) for each in found.changes] == [
        ("created", 1, ("newcomer",)),
        ("changed", 1, ("user0",)),
        ("deactivated", 7, tuple(f"user{number}" for number in range(3, 10))),
    ]
    assert list(User.objects.order_by("id").values()) == before and AppliedState.objects.get().refused_seq == 2


def test_release_deactivates_them_and_tells_it_as_applied(held: ImportBatch, peer: Peer) -> None:
    refused = _told(peer).refused
    assert refused is not None and (refused.batch_id, refused.code) == (held.source_batch_id, "mass_removal")
    assert release_held(row_id=held.pk, actor=SYSTEM).outcome == "completed"
    assert _active() == {"user0", "user1", "user2", "newcomer"}
    told = _told(peer)
    assert (told.batch_id, told.refused) == (held.source_batch_id, None)


def test_discard_leaves_the_users_and_the_refusal(held: ImportBatch, peer: Peer) -> None:
    before = _active()
    discard(row_id=held.pk, actor=SYSTEM, reason="a backup was put back there")
    assert _active() == before
    refused = _told(peer).refused
    assert refused is not None and refused.batch_id == held.source_batch_id


def test_release_drops_it_when_a_newer_version_is_applied_meanwhile(held: ImportBatch, peer: Peer) -> None:
    people = [_person(f"other{number}") for number in range(2)]
    here = [
        records.User(**{wire: getattr(user, name) for wire, name in USER_FIELDS.items()}) for user in User.objects.all()
    ]
    everyone = sorted([*here, *people], key=lambda each: str(each.id))
    peer.write("users", [encode_record(each) for each in everyone])
    assert [each.outcome for each in scan_imports(actor=SYSTEM)] == ["completed"]
    assert preview_quarantined(held.pk).checks[4].verdict == "rolled_back"
    outcome = release_held(row_id=held.pk, actor=SYSTEM)
    assert (outcome.outcome, outcome.code) == ("dropped", "rolled_back")
    assert not quarantined().exists() and list(site_folders().quarantine.iterdir()) == []
    assert len(_active()) == 12


def test_release_asks_for_a_snapshot_when_a_delta_lost_its_base(peer: Peer) -> None:
    people = sorted((_person(f"user{number}") for number in range(10)), key=lambda each: str(each.id))
    peer.write("users", [encode_record(each) for each in people])
    scan_imports(actor=SYSTEM)
    gone = [_changed(each, is_active=False) for each in people[:6]]
    digest = snapshot_digest(encode_record(each) for each in [*gone, *people[6:]])
    delta = peer.write("users", [encode_record(each) for each in gone], mode="delta", digest=digest)
    assert [each.code for each in scan_imports(actor=SYSTEM)] == ["mass_removal"]
    with transaction.atomic(), replica_import():
        User.objects.filter(username="user9").update(full_name="Eve")
    row = quarantined().get()
    assert "missing_base" in preview_quarantined(row.pk).untold
    outcome = release_held(row_id=row.pk, actor=SYSTEM)
    assert (outcome.outcome, outcome.code) == ("dropped", "missing_base")
    refused = _told(peer).refused
    assert refused is not None and (refused.batch_id, refused.code) == (delta.batch_id, "missing_base")


def test_state_is_asked_for_again_when_its_key_was_retired_before_it_was_released(
    held: ImportBatch, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from common_apps.transfer.services import intake

    find = intake._find_box_key
    monkeypatch.setattr(intake, "_find_box_key", lambda *found: replace(find(*found), status="retired"))  # type: ignore[type-var]  # it is found
    assert release_held(row_id=held.pk, actor=SYSTEM).code == "unknown_key"
    # Told as refused it would neither be carried again nor could anybody release it.
    assert _told(peer).refused is None


def test_bell_falls_silent_for_every_held_version_when_a_newer_one_is_applied(held: ImportBatch, peer: Peer) -> None:
    peer.write("users", [])
    assert [each.code for each in scan_imports(actor=SYSTEM)] == ["mass_removal"]
    assert Alert.objects.filter(code="mass_removal", ended_at=None).count() == 2
    peer.write("users", [encode_record(_record(user)) for user in User.objects.order_by("id")])
    assert [each.outcome for each in scan_imports(actor=SYSTEM)] == ["completed"]
    assert not Alert.objects.filter(ended_at=None).exists()
