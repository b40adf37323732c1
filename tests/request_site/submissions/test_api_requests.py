"""The request API as a user meets it: what is taken, what is refused, and that a refusal changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from rest_framework.test import APIClient

from common_apps.accounts.models import ApiKey, User
from common_apps.accounts.models.api_key import hash_secret
from common_apps.audit.models import AuditLog
from common_apps.core import clock
from common_apps.core.ids import new_id
from common_apps.queries.kinds import all_kinds
from request_site.submissions.models import Request
from tests.factories import make_user
from tests.request_site.submissions.asking import (
    BULK,
    COLUMNS,
    MATCH,
    REQUESTS,
    VALIDATE,
    assert_problem,
    counts,
    post,
    send,
    submit_as,
)


def test_submit_stores_a_pending_row_when_the_request_is_sound(
    client: APIClient, user: User, body: dict[str, Any]
) -> None:
    answer = post(client, body)
    assert answer.status_code == 201, answer.content
    told = answer.json()
    stored = Request.objects.get()
    assert told.keys() >= COLUMNS
    assert answer["Location"] == f"{REQUESTS}{told['id']}/"
    assert (stored.pk, stored.user_id, stored.status) == (UUID(told["id"]), user.pk, "pending")
    assert stored.priority == user.priority == told["priority"]
    assert stored.query_params == body["query_params"] == told["query_params"]
    assert told["elasticsearch_query"]["query"] == {"match": {"title": {"query": "flood control"}}}
    assert told["created_at"].endswith("Z")
    audited = AuditLog.objects.get(action="request.submitted")
    assert (audited.user_id, audited.resource_id) == (user.pk, told["id"])
    assert client.get(answer["Location"]).json() == told


def test_row_keeps_what_was_written_when_numbers_and_texts_are_odd(client: APIClient) -> None:
    params = {"index": "contracts", "query": {"range": {"amount": {"gte": 1e300, "lt": 12345678901234567890}}}}
    metadata = {"\u06a9\u06cc": [1e-7, 10**22, "\u200c", {"a": {"b": {}}}]}
    answer = post(client, {"query_type": "range", "query_params": params, "metadata": metadata})
    assert answer.status_code == 201, answer.content
    with connection.cursor() as cursor:
        cursor.execute("SELECT query_params::text FROM requests")
        assert cursor.fetchone()[0] == json.dumps(params, separators=(",", ":")).replace("e+", "e")
    row = client.get(answer["Location"]).json()
    assert (row["query_params"], row["metadata"]) == (params, metadata)


def test_every_example_is_taken_when_its_fields_are_there(client: APIClient, db: None) -> None:
    from common_apps.queries.services import publish_index

    text = ("title", "notice_title", "contractor.text", "organization.text", "area.text")
    keyword = ("contract_number", "contractor", "organization", "area", "business_category")
    fields = {**dict.fromkeys(text, "text"), **dict.fromkeys(keyword, "keyword")}
    fields |= {"amount": "double", "award_date": "date"}
    publish_index(name="contracts", title="", fields=fields, profile_types=None)
    listed = client.get("/api/v1/query-types/").json()["results"]
    assert len(listed) == len(all_kinds()) >= 8
    bodies = [
        {"query_type": kind["name"], "query_params": example["query_params"]}
        for kind in listed
        for example in kind["examples"]
    ]
    for body in bodies:
        assert post(client, body).status_code == 201, body


BAD = [
    ({}, ["/query_type", "/query_params"]),
    ([], [""]),
    ("text", [""]),
    (None, [""]),
    ({"query_type": "match", "query_params": MATCH, "colour": 1}, ["/colour"]),
    ({"query_type": "macth", "query_params": MATCH}, ["/query_type"]),
    ({"query_type": 5, "query_params": MATCH}, ["/query_type"]),
    ({"query_type": "match", "query_params": []}, ["/query_params"]),
    ({"query_type": "match", "query_params": {"query": {"match": {"title": "x"}}}}, ["/query_params/index"]),
    ({"query_type": "match", "query_params": {**MATCH, "index": 7}}, ["/query_params/index"]),
    ({"query_type": "match", "query_params": {**MATCH, "sise": 7}}, ["/query_params/sise"]),
    ({"query_type": "match", "query_params": {**MATCH, "size": 1001}}, ["/query_params/size"]),
    ({"query_type": "match", "query_params": {**MATCH, "size": "5"}}, ["/query_params/size"]),
    ({"query_type": "match", "query_params": {**MATCH, "size": True}}, ["/query_params/size"]),
    (
        {"query_type": "match", "query_params": {"index": "contracts", "query": {"match": {"titel": "x"}}}},
        ["/query_params/query/match/titel"],
    ),
    (
        {
            "query_type": "match",
            "query_params": {"index": "contracts", "query": {"match": {"title": {"query": "x", "fuzzines": 1}}}},
        },
        ["/query_params/query/match/title/fuzzines"],
    ),
    (
        {
            "query_type": "range",
            "query_params": {"index": "contracts", "query": {"range": {"amount": {"gte": "much"}}}},
        },
        ["/query_params/query/range/amount/gte"],
    ),
    ({"query_type": "match", "query_params": MATCH, "metadata": []}, ["/metadata"]),
    ({"query_type": "match", "query_params": MATCH, "metadata": {"a": "x" * 5000}}, ["/metadata"]),
    ({"query_type": "match", "query_params": MATCH, "metadata": {"a": {"b": {"c": {"d": {"e": {}}}}}}}, ["/metadata"]),
    ({"query_type": "match", "query_params": {**MATCH, "x": "y" * 66000}}, ["/query_params"]),
    (
        {"query_type": "match", "query_params": {**MATCH, "query": {"match": {"nope": 1}}, "size": -1}, "metadata": 3},
        ["/metadata", "/query_params/size", "/query_params/query/match/nope"],
    ),
]


@pytest.mark.parametrize(("bad", "pointers"), BAD)
def test_submit_refuses_and_changes_nothing_when_the_body_is_wrong(
    client: APIClient, bad: Any, pointers: list[str]
) -> None:
    before = counts()
    problem = assert_problem(send(client, json.dumps(bad).encode()), 400, "validation_failed", *pointers)
    assert 1 <= len(problem["errors"]) <= 20
    assert counts() == before


def test_all_faults_are_told_at_once_but_twenty_at_most_when_there_are_many(client: APIClient) -> None:
    should = [{"match": {f"field{number}": "x"}} for number in range(30)]
    body = {"query_type": "bool", "query_params": {"index": "contracts", "query": {"bool": {"should": should}}}}
    assert len(assert_problem(post(client, body), 400, "validation_failed")["errors"]) == 20


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"nonsense",
        b'{"query_type": "match", "query_type": "term"}',
        b'{"a": NaN}',
        b'{"a": "\\ud800"}',
        b'{"a": "\\u0000"}',
        b'{"a": "\xff"}',
        b"[" * 40 + b"]" * 40,
        b"[" * 100_000,
    ],
)
def test_submit_answers_malformed_json_when_the_body_is_no_sound_json(client: APIClient, raw: bytes) -> None:
    before = counts()
    assert_problem(send(client, raw), 400, "malformed_json")
    assert_problem(client.post(VALIDATE, raw, content_type="application/json"), 400, "malformed_json")
    assert counts() == before


def test_submit_answers_413_when_the_body_is_above_a_mebibyte(client: APIClient) -> None:
    before = counts()
    assert_problem(send(client, b" " * (1024 * 1024 + 1)), 413, "payload_too_large")
    assert counts() == before


def test_submit_answers_415_when_the_body_is_no_json(client: APIClient) -> None:
    assert_problem(
        send(client, b"query_type=match", "application/x-www-form-urlencoded"), 415, "unsupported_media_type"
    )


@pytest.mark.parametrize(
    "index",
    ["secrets", "nowhere", "CONTRACTS", "contracts ", "contracts*", "_all", "", "contracts,secrets", "*:x", "a" * 300],
)
def test_submit_answers_alike_when_the_index_is_unknown_or_not_allowed(client: APIClient, index: str) -> None:
    before = counts()
    body = {"query_type": "match", "query_params": {"index": index, "query": {"nonsense": {}}, "size": -5}}
    reference = assert_problem(
        post(client, {"query_type": "match", "query_params": {"index": "zzz", "query": {}}}), 403, "index_not_allowed"
    )
    for path in (REQUESTS, VALIDATE):
        problem = assert_problem(post(client, body, path), 403, "index_not_allowed")
        assert {key: problem[key] for key in ("title", "detail", "errors", "type")} == {
            key: reference[key] for key in ("title", "detail", "errors", "type")
        }
    assert counts() == before


def test_index_can_be_asked_when_the_profile_is_on_its_list(client_of: Callable[..., APIClient], user: User) -> None:
    client = client_of(make_user("eve", profile_type="enterprise"))
    body = {"query_type": "match", "query_params": {"index": "secrets", "query": {"match": {"title": "x"}}}}
    assert post(client, body).status_code == 201
    assert Request.objects.get().priority == 8
    assert [index["name"] for index in client.get("/api/v1/indices/").json()["results"]] == ["contracts", "secrets"]


def test_size_is_refused_when_it_is_above_the_profiles_own(client: APIClient, body: dict[str, Any]) -> None:
    from common_apps.accounts.mastership import replica_import
    from common_apps.accounts.models import ProfileType

    with replica_import():
        ProfileType.objects.filter(name="basic").update(max_size=4)
    assert_problem(post(client, body), 400, "validation_failed", "/query_params/size")
    body["query_params"]["size"] = 4
    assert post(client, body).status_code == 201


@pytest.mark.parametrize("path", [REQUESTS, VALIDATE, BULK])
def test_post_answers_401_when_nobody_is_known(user: User, body: dict[str, Any], path: str) -> None:
    before = counts()
    assert_problem(post(APIClient(), body, path), 401, "not_authenticated")
    forged = APIClient()
    forged.credentials(HTTP_AUTHORIZATION="Bearer e30.e30.e30")
    assert_problem(post(forged, body, path), 401, "token_invalid")
    assert counts() == before


def test_validate_tells_the_search_body_when_the_request_is_sound(client: APIClient, body: dict[str, Any]) -> None:
    before = counts()
    told = post(client, body, VALIDATE)
    assert told.status_code == 200
    assert told.json() == {
        "valid": True,
        "elasticsearch_query": {
            "query": {"match": {"title": {"query": "flood control"}}},
            "size": 5,
            "from": 0,
            "track_total_hits": True,
            "_source": True,
        },
        "errors": [],
    }
    assert counts() == before


@pytest.mark.parametrize(("bad", "pointers"), BAD)
def test_validate_tells_the_faults_when_the_request_is_wrong(client: APIClient, bad: Any, pointers: list[str]) -> None:
    told = client.post(VALIDATE, json.dumps(bad), content_type="application/json")
    assert told.status_code == 200
    assert (told.json()["valid"], told.json()["elasticsearch_query"]) == (False, None)
    assert {error["pointer"] for error in told.json()["errors"]} >= set(pointers)
    assert not Request.objects.exists()


def test_list_shows_ones_own_and_operators_all_when_there_are_others(
    client: APIClient, user: User, client_of: Callable[..., APIClient]
) -> None:
    mine, other = submit_as(user), submit_as(make_user("bob"))
    listed = client.get(REQUESTS).json()
    assert [row["id"] for row in listed["results"]] == [str(mine.pk)]
    assert listed["next"] is None
    operator = client_of(make_user("olga", role="operator"))
    assert {row["id"] for row in operator.get(REQUESTS).json()["results"]} == {str(mine.pk), str(other.pk)}
    assert operator.get(f"{REQUESTS}{mine.pk}/").status_code == 200


def test_another_users_request_is_not_found_when_asked_for(client: APIClient) -> None:
    theirs = submit_as(make_user("bob"))
    unknown = assert_problem(client.get(f"{REQUESTS}{new_id()}/"), 404, "not_found")
    for path in (f"{REQUESTS}{theirs.pk}/", f"{REQUESTS}{theirs.pk}/result/"):
        assert assert_problem(client.get(path), 404, "not_found")["detail"] == unknown["detail"]
    assert_problem(client.get(f"{REQUESTS}nonsense/"), 404, "not_found")


def test_list_filters_and_orders_when_asked(client: APIClient, user: User) -> None:
    now = clock.now()
    old = submit_as(user, created_at=now - timedelta(days=2), priority=9)
    new = submit_as(user, created_at=now, query_type="term", status="cancelled")

    def ids(query: str) -> list[str]:
        answer = client.get(f"{REQUESTS}?{query}")
        assert answer.status_code == 200, answer.content
        return [row["id"] for row in answer.json()["results"]]

    yesterday = (now - timedelta(days=1)).isoformat().replace("+00:00", "Z")
    assert ids("") == [str(new.pk), str(old.pk)]
    assert ids("ordering=created_at") == ids("ordering=-priority") == [str(old.pk), str(new.pk)]
    assert ids("status=pending") == ids("query_type=match") == ids(f"created_before={yesterday}") == [str(old.pk)]
    assert ids("status=cancelled") == ids("query_type=term") == ids(f"created_after={yesterday}") == [str(new.pk)]


def test_key_may_do_what_its_scopes_say_when_a_service_asks(user: User, body: dict[str, Any]) -> None:
    client = APIClient()
    client.credentials(HTTP_X_API_KEY="reader.secret")
    ApiKey.objects.create(
        user=user, key_hash=hash_secret("secret"), name="reader", prefix="reader", scopes=["requests:read"]
    )
    assert client.get(REQUESTS).status_code == 200
    assert_problem(post(client, body), 403, "permission_denied")
    assert not Request.objects.exists()


def test_indices_tell_names_and_fields_when_the_profile_may_ask(client: APIClient) -> None:
    listed = client.get("/api/v1/indices/").json()["results"]
    assert [index["name"] for index in listed] == ["contracts"]
    assert {"name": "amount", "type": "double"} in listed[0]["fields"]
    assert client.get("/api/v1/indices/contracts/").json() == listed[0]
    unknown = assert_problem(client.get("/api/v1/indices/nowhere/"), 404, "not_found")
    assert assert_problem(client.get("/api/v1/indices/secrets/"), 404, "not_found")["detail"] == unknown["detail"]


def test_submit_costs_four_statements_and_a_transaction_when_everything_is_warm(
    client: APIClient, body: dict[str, Any], django_assert_num_queries: Any
) -> None:
    post(client, body)
    # user; catalogue's state; savepoint (BEGIN outside of a test), request, audit, release
    with django_assert_num_queries(6):
        assert post(client, body).status_code == 201
