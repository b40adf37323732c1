"""What a person or a probe meets before anything else."""

import re

import pytest
from django.conf import settings
from django.db import OperationalError
from django.test import Client

from common_apps.accounts.mastership import is_master
from common_apps.operations import registry
from common_apps.operations.probes import ProbeError
from common_apps.operations.registry import Check
from tests.factories import make_user

pytestmark = pytest.mark.django_db

OUTSIDE = re.compile(r"""(?:src|href|url)\s*[=(]\s*["']?(?:https?:)?//""")


@pytest.fixture(autouse=True)
def folders() -> None:
    for name in ("DATA_DIR", "EXPORT_DIR", "IMPORT_DIR"):
        getattr(settings, name).mkdir(parents=True, exist_ok=True)


def test_home_says_what_the_site_is_when_all_is_well(client: Client) -> None:
    page = client.get("/")
    text = page.content.decode()
    assert page.status_code == 200
    assert f"{settings.SITE} site" in text
    assert 'class="status status-ok"' in text
    assert "/admin/" in text and "/api/docs/" in text


@pytest.mark.parametrize("address", ["/", "/api/docs/", "/admin/login/", "/nothing-here"])
def test_page_fetches_nothing_from_outside_when_rendered(client: Client, address: str) -> None:
    page = client.get(address)
    assert not OUTSIDE.search(page.content.decode())
    policy = page["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy


@pytest.mark.parametrize("address", ["/", "/api/docs/", "/admin/login/"])
def test_page_has_no_inline_script_or_style_when_rendered(client: Client, address: str) -> None:
    text = client.get(address).content.decode()
    assert "<style" not in text and " style=" not in text
    assert all("src=" in tag or "application/json" in tag for tag in re.findall(r"<script[^>]*>", text))


def test_ready_answers_200_with_each_needed_check_when_all_is_well(client: Client) -> None:
    answer = client.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert {"database", "redis", "disk"} <= set(answer.json()["checks"])


def _break(monkeypatch: pytest.MonkeyPatch, name: str, error: Exception, *, needed: bool) -> None:
    def probe() -> dict[str, object]:
        raise error

    monkeypatch.setitem(registry.checks, name, Check(name, probe, needed))


def test_ready_answers_503_without_the_reason_when_something_needed_is_down(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    _break(monkeypatch, "database", OperationalError("connection to secret-host failed"), needed=True)
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["status"] == "down"
    assert answer.json()["checks"]["database"]["status"] == "down"
    assert b"secret-host" not in answer.content


def test_live_answers_200_when_the_database_is_down(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    _break(monkeypatch, "database", OperationalError("gone"), needed=True)
    assert client.get("/health").status_code == 200


def test_detailed_says_degraded_with_the_cure_when_something_spare_is_down(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    _break(monkeypatch, "workers", ProbeError("no Celery worker answers: start one"), needed=False)
    answer = client.get("/health/detailed")
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert "start one" in answer.json()["checks"]["workers"]["detail"]


def test_detailed_asks_for_a_token_when_the_address_is_not_listed(client: Client) -> None:
    answer = client.get("/health/detailed", REMOTE_ADDR="10.1.2.3")
    assert answer.status_code == 401
    assert answer.json()["code"] == "not_authenticated"


def test_unknown_api_address_answers_a_problem_when_asked(client: Client) -> None:
    answer = client.get("/api/v1/nothing/")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"


def test_oversized_body_answers_413_before_it_is_read(client: Client) -> None:
    answer = client.post("/api/v1/auth/token/", data=b" " * (1024 * 1024 + 1), content_type="application/json")
    assert answer.status_code == 413
    assert answer.json()["code"] == "payload_too_large"


def test_admin_offers_a_password_change_where_users_are_written_and_nowhere_else(client: Client) -> None:
    client.force_login(make_user(username="boss", role="admin"))
    page = client.get("/admin/")
    assert page.status_code == 200
    assert ("/admin/password_change/" in page.content.decode()) is is_master()
    assert f"Airferry, {settings.SITE} site" in page.content.decode()
