"""One submission, one row: keys that make repeating safe, and many submissions at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connection
from rest_framework.test import APIClient

from common_apps.audit.models import AuditLog
from request_site.submissions.api import views
from request_site.submissions.models import Request
from request_site.submissions.services import submit_request
from tests.factories import make_user
from tests.request_site.submissions.asking import BULK, MATCH, assert_problem, counts, post


def test_replay_gets_the_first_answer_when_key_and_body_are_the_same(client: APIClient, body: dict[str, Any]) -> None:
    first = post(client, body, **{"Idempotency-Key": "one"})
    assert first.status_code == 201
    assert "Idempotency-Replayed" not in first
    Request.objects.update(status="cancelled", error_code="x")
    before = counts()
    reordered = dict(reversed(body.items()))
    again = post(client, reordered, **{"Idempotency-Key": "one"})
    assert again.status_code == 200
    assert again["Idempotency-Replayed"] == "true"
    assert again["Location"] == first["Location"]
    assert again.json() == first.json()
    assert counts() == before


def test_key_is_refused_when_it_was_used_with_another_body(client: APIClient, body: dict[str, Any]) -> None:
    post(client, body, **{"Idempotency-Key": "one"})
    before = counts()
    body["metadata"] = {"note": "second"}
    assert_problem(post(client, body, **{"Idempotency-Key": "one"}), 422, "idempotency_mismatch")
    assert counts() == before
    assert post(client, body, **{"Idempotency-Key": "two"}).status_code == 201


def test_key_belongs_to_its_user_when_two_use_the_same(
    client: APIClient, client_of: Callable[..., APIClient], body: dict[str, Any]
) -> None:
    other = client_of(make_user("bob"))
    assert post(client, body, **{"Idempotency-Key": "one"}).status_code == 201
    assert post(other, body, **{"Idempotency-Key": "one"}).status_code == 201


def test_key_is_free_when_the_submission_was_refused(client: APIClient, body: dict[str, Any]) -> None:
    assert post(client, {**body, "query_type": "x"}, **{"Idempotency-Key": "one"}).status_code == 400
    assert post(client, body, **{"Idempotency-Key": "one"}).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\tkey"])
def test_key_is_refused_when_it_is_no_key(client: APIClient, body: dict[str, Any], key: str) -> None:
    assert_problem(post(client, body, **{"Idempotency-Key": key}), 400, "validation_failed")
    assert not Request.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_one_request_is_stored_when_the_same_key_comes_many_times_at_once(
    transactional_db: None, client_of: Callable[..., APIClient]
) -> None:
    from common_apps.queries.services import publish_index

    publish_index(name="contracts", title="", fields={"title": "text"}, profile_types=None)
    client = client_of(make_user("ada"))

    def submit(_: int) -> Any:
        try:
            return post(client, {"query_type": "match", "query_params": MATCH}, **{"Idempotency-Key": "k"})
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(submit, range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] * 11 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert Request.objects.count() == AuditLog.objects.filter(action="request.submitted").count() == 1


def test_bulk_stores_the_sound_ones_when_others_are_not(client: APIClient, body: dict[str, Any]) -> None:
    forbidden = {"query_type": "match", "query_params": {"index": "secrets"}}
    answer = post(client, [body, {"query_type": "x"}, forbidden, 5, body], BULK)
    assert answer.status_code == 207
    results = answer.json()["results"]
    assert [item["index"] for item in results] == [0, 1, 2, 3, 4]
    assert [item["status"] for item in results] == [201, 400, 403, 400, 201]
    assert "/1/query_params" in {error["pointer"] for error in results[1]["problem"]["errors"]}
    assert results[2]["problem"]["code"] == "index_not_allowed"
    assert set(Request.objects.values_list("pk", flat=True)) == {UUID(results[0]["id"]), UUID(results[4]["id"])}


def test_bulk_stores_nothing_twice_when_it_is_sent_again_under_its_key(client: APIClient, body: dict[str, Any]) -> None:
    first = post(client, [body, body, {}], BULK, **{"Idempotency-Key": "k"}).json()["results"]
    again = post(client, [body, body, body], BULK, **{"Idempotency-Key": "k"}).json()["results"]
    assert [item["status"] for item in first] == [201, 201, 400]
    assert [item["status"] for item in again] == [200, 200, 201]
    assert [item["id"] for item in again[:2]] == [item["id"] for item in first[:2]]
    assert Request.objects.count() == 3


def test_bulk_is_refused_whole_when_its_key_leaves_no_room_for_places(client: APIClient, body: dict[str, Any]) -> None:
    before = counts()
    assert_problem(post(client, [body], BULK, **{"Idempotency-Key": "k" * 252}), 400, "validation_failed")
    assert counts() == before
    assert post(client, [body], BULK, **{"Idempotency-Key": "k" * 251}).json()["results"][0]["status"] == 201


def test_bulk_tells_what_was_stored_when_the_database_is_lost_on_the_way(
    client: APIClient, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = iter(range(100))

    def submit(**given: Any) -> Any:
        if next(taken) >= 2:
            raise OperationalError("connection to secret-host lost")
        return submit_request(**given)

    monkeypatch.setattr(views, "submit_request", submit)
    results = post(client, [body] * 4, BULK).json()["results"]
    assert [item["status"] for item in results] == [201, 201, 503, 503]
    assert results[3]["problem"]["code"] == "service_unavailable"
    assert "secret-host" not in str(results)
    assert Request.objects.count() == 2
    assert_problem(post(client, [body] * 4, BULK), 503, "service_unavailable")


@pytest.mark.parametrize("bad", [{}, [], [MATCH] * 101, "x"])
def test_bulk_refuses_when_it_is_no_list_of_one_to_a_hundred(client: APIClient, bad: Any) -> None:
    assert_problem(post(client, bad, BULK), 400, "validation_failed", "")
    assert not Request.objects.exists()
