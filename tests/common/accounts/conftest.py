"""What the tests of accounts share."""

from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.core.cache import caches
from rest_framework.test import APIClient

PASSWORD = "Correct-horse-battery-7"


@pytest.fixture(autouse=True)
def _few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rounds of PBKDF2, where make_user's hashes have one: fast, and such a hash is still one to upgrade."""
    monkeypatch.setattr(PBKDF2PasswordHasher, "iterations", 2)


@pytest.fixture(autouse=True)
def _fresh_limits() -> None:
    """Tries per address are counted in Valkey, which no transaction takes back."""
    caches["limits"].clear()


@pytest.fixture
def api() -> APIClient:
    """A client without a token."""
    return APIClient()


@pytest.fixture
def log_in(api: APIClient) -> Any:
    """Asks for tokens: ``log_in("ada")`` -> the response."""

    def ask(username: str, password: str = PASSWORD) -> Any:
        return api.post("/api/v1/auth/token/", {"username": username, "password": password}, format="json")

    return ask
