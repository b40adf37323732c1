"""The catalogue: published, read by what a profile may ask, sent as canonical lines, edited in the admin."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from common_apps.audit.models import AuditLog
from common_apps.core.errors import DomainError
from common_apps.queries.models import Index
from common_apps.queries.selectors import fields_of, indices_by_profile_type, permitted
from common_apps.queries.services import publish_dataset, publish_index
from common_apps.queries.streams import STREAM, CatalogueSender
from common_apps.transfer.bundle.codec import decode_record
from common_apps.transfer.registry import state_senders
from tests.factories import make_user, seed_profiles

pytestmark = pytest.mark.django_db
FIELDS = {"title": "text", "contractor": "keyword", "contractor.text": "text"}


@pytest.fixture(autouse=True)
def profiles(db: None) -> None:
    seed_profiles()


def publish(name: str = "contracts", **changes: Any) -> Index:
    return publish_index(**{"name": name, "title": "Contracts", "fields": FIELDS, "profile_types": None, **changes})


def test_fields_are_told_when_the_profile_may_ask() -> None:
    publish()
    publish("secrets", profile_types=["enterprise"])
    assert fields_of("contracts", "basic") == FIELDS
    assert fields_of("secrets", "enterprise") == FIELDS
    assert indices_by_profile_type()["basic"] == ["contracts"]
    assert indices_by_profile_type()["enterprise"] == ["contracts", "secrets"]


@pytest.mark.parametrize("index", ["secrets", "nowhere", "Contracts", "contracts*", "contracts,secrets", "", None, 1])
def test_answer_is_the_same_when_the_index_is_unknown_or_not_allowed(index: object) -> None:
    publish()
    publish("secrets", profile_types=["enterprise"])
    with pytest.raises(DomainError) as refused:
        fields_of(index, "basic")
    assert refused.value.code == "index_not_allowed"
    with pytest.raises(DomainError) as unknown:
        fields_of("never there", "basic")
    assert str(refused.value) == str(unknown.value)


def test_nothing_may_be_asked_when_the_profile_has_not_come() -> None:
    publish()
    assert permitted("ghost").indices == {}
    assert permitted(None).indices == {}


def test_profile_that_is_made_later_may_ask_when_every_profile_may() -> None:
    publish()
    from common_apps.accounts.mastership import is_master, replica_import
    from common_apps.accounts.models import ProfileType

    if is_master():
        ProfileType.objects.create(name="late")
    else:
        with replica_import():
            ProfileType.objects.create(name="late")
    assert fields_of("contracts", "late") == FIELDS
    line = msgspec.json.decode(next(CatalogueSender().snapshot()))
    assert "late" in line["profile_types"]


def test_change_shows_at_once_when_the_catalogue_was_read_before() -> None:
    publish()
    assert fields_of("contracts", "basic") == FIELDS
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert fields_of("contracts", "basic") == FIELDS
    assert len(queries) == 1
    publish(fields={"title": "keyword"})
    assert fields_of("contracts", "basic") == {"title": "keyword"}
    publish(profile_types=[])
    with pytest.raises(DomainError):
        fields_of("contracts", "basic")


def test_publish_changes_nothing_when_the_index_is_the_same() -> None:
    first = publish()
    again = publish()
    assert again.revision == first.revision
    assert AuditLog.objects.filter(action="index.published").count() == 1


def test_snapshot_is_canonical_and_sorted_when_there_are_indices_and_datasets() -> None:
    publish("zebra", profile_types=["premium", "basic"])
    publish()
    publish_dataset(name="contracts", index="contracts", chips={"areas": ["area"]}, metric=None)
    lines = list(CatalogueSender().snapshot())
    decoded = [decode_record("catalogue", line) for line in lines]
    assert [type(record).__name__ + " " + record.id for record in decoded] == [
        "Dataset contracts",
        "Index contracts",
        "Index zebra",
    ]
    assert (
        lines[0] == b'{"chips":{"areas":["area"]},"id":"contracts","index":"contracts","metric":null,"type":"dataset"}'
    )
    assert msgspec.json.decode(lines[1])["profile_types"] == ["admin", "basic", "enterprise", "premium"]
    assert msgspec.json.decode(lines[2])["profile_types"] == ["basic", "premium"]
    assert list(CatalogueSender().snapshot()) == lines


def admin_client(role: str) -> Client:
    client = Client()
    client.force_login(
        make_user(role, role=role, profile_type="admin"), "common_apps.accounts.backends.AccountsBackend"
    )
    return client


def test_whitelist_can_be_set_in_the_admin_when_the_site_sends_the_catalogue() -> None:
    publish()
    address = "/admin/queries/index/contracts/change/"
    answer = admin_client("admin").post(address, {"title": "Awards", "profile_types": ["premium"]})
    index = Index.objects.get()
    if STREAM in state_senders:
        assert answer.status_code == 302
        assert (index.title, index.profile_types, index.every_profile_type) == ("Awards", ["premium"], False)
        assert AuditLog.objects.filter(action="index.published").count() == 2
    else:
        assert answer.status_code == 403
        assert index.title == "Contracts"


@pytest.mark.parametrize("page", ["index", "dataset"])
def test_catalogue_is_shown_and_not_changed_when_an_operator_looks(page: str) -> None:
    publish()
    publish_dataset(name="contracts", index="contracts", chips={}, metric="amount")
    client = admin_client("operator")
    listed = client.get(f"/admin/queries/{page}/?q=contracts")
    assert listed.status_code == 200
    assert b"contracts" in listed.content
    assert client.get("/admin/queries/index/contracts/change/").status_code == 200
    assert client.post("/admin/queries/index/contracts/change/", {"title": "x"}).status_code == 403
    assert client.get(f"/admin/queries/{page}/add/").status_code == 403
