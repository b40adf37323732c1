"""Errors that no view made: every one is a problem document for programs, a page for people."""

import gzip
import json
from typing import Any

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.db import OperationalError
from django.test import Client
from rest_framework.test import APIClient

from tests.factories import make_user

pytestmark = pytest.mark.django_db

TOKEN = "/api/v1/auth/token/"


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = json.loads(answer.content)
    assert (document["status"], document["code"]) == (status, code)
    assert set(document) == {"type", "title", "status", "detail", "instance", "code", "request_id", "errors"}
    return document


@pytest.fixture
def quiet_client(client: Client) -> Client:
    """A client that gets the 500 that a server would send."""
    client.raise_request_exception = False
    return client


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_api_tells_the_address_when_the_slash_is_missing(client: Client, method: str) -> None:
    answer = client.generic(method, "/api/v1/auth/me", b"{}", "application/json")
    assert "/api/v1/auth/me/" in problem(answer, 404, "not_found")["detail"]


def test_page_is_redirected_when_the_slash_is_missing(client: Client) -> None:
    assert client.get("/admin").status_code == 301


def test_body_is_refused_when_its_length_is_not_told(client: Client) -> None:
    answer = client.generic("POST", TOKEN, b"", "application/json", HTTP_TRANSFER_ENCODING="chunked")
    problem(answer, 411, "length_required")


def test_body_is_refused_when_it_is_compressed(client: Client) -> None:
    answer = client.post(TOKEN, gzip.compress(b"{}"), "application/json", headers={"Content-Encoding": "gzip"})
    problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("media_type", ["application/x-www-form-urlencoded", "text/plain", ""])
def test_body_of_another_type_is_refused_with_the_right_one_when_sent(client: Client, media_type: str) -> None:
    answer = client.generic("POST", TOKEN, b"username=a", media_type)
    assert "Content-Type: application/json" in problem(answer, 415, "unsupported_media_type")["detail"]


def test_accept_of_another_type_is_refused_with_the_right_one_when_sent(client: Client) -> None:
    answer = client.post(TOKEN, b"{}", "application/json", headers={"Accept": "text/html"})
    assert "application/json" in problem(answer, 406, "not_acceptable")["detail"]


def test_problem_is_json_when_the_view_writes_yaml(client: Client) -> None:
    problem(client.post("/api/schema/", b"{}", "application/json"), 405, "method_not_allowed")


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer a b"])
def test_problem_speaks_to_people_when_the_authorization_header_is_odd(client: Client, header: str) -> None:
    document = problem(client.get("/api/v1/auth/me/", headers={"Authorization": header}), 401, "not_authenticated")
    assert document["detail"] == "Authorization header must contain two space-delimited values"


@pytest.mark.parametrize("address", ["/api/v1/auth/api-keys/?cursor=%00", "/api/v1/auth/%00/"])
def test_api_refuses_an_address_when_it_holds_a_null(client: Client, address: str) -> None:
    problem(client.get(address), 400, "bad_request")


def test_admin_refuses_an_address_when_it_holds_a_null(client: Client) -> None:
    client.force_login(make_user("root", role="admin"))
    assert client.get("/admin/queries/index/%00/change/").status_code == 400
    assert client.get("/admin/transfer/importbatch/?status__exact=%00").status_code == 400


def test_api_answers_a_problem_when_the_host_is_not_ours(client: Client) -> None:
    problem(client.get("/api/v1/auth/me/", headers={"Host": "evil.example"}), 400, "bad_request")


def test_answers_of_the_api_are_kept_by_no_cache_when_given() -> None:
    client = APIClient()
    client.force_authenticate(make_user("ada"))
    for address in ("/api/v1/auth/me/", "/api/v1/auth/api-keys/", "/api/v1/nothing/"):
        assert client.get(address)["Cache-Control"] == "no-store"


def _break_sessions(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def load(self: SessionStore) -> None:
        raise error

    monkeypatch.setattr(SessionStore, "_get_session_from_db", load)


def test_everything_answers_503_when_the_database_is_down_for_the_session(
    quiet_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session is read in a middleware, where no view's errors are caught."""
    quiet_client.force_login(make_user("root", role="admin"))
    _break_sessions(monkeypatch, OperationalError("connection to secret-host failed"))
    answer = quiet_client.get("/api/v1/auth/me/")
    assert "the database" in problem(answer, 503, "service_unavailable")["detail"]
    assert answer["Retry-After"] == "5"
    for address in ("/admin/", "/api/docs/", "/"):
        page = quiet_client.get(address)
        assert page.status_code == 503
        assert page["Retry-After"] == "5"
        assert b"secret-host" not in page.content
    assert b"A part of the site is down" in quiet_client.get("/admin/").content


def test_nothing_of_the_inside_is_told_when_a_middleware_fails(
    quiet_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet_client.force_login(make_user("root", role="admin"))
    _break_sessions(monkeypatch, RuntimeError("at /srv/secret"))
    problem(quiet_client.get("/api/v1/auth/me/"), 500, "internal_error")
    page = quiet_client.get("/admin/")
    assert page.status_code == 500
    assert b"secret" not in page.content and b"Traceback" not in page.content
