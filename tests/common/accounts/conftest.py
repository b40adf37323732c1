"""What the tests of accounts share."""

from typing import Any

import pytest
from django.core.cache import caches
from rest_framework.test import APIClient

PASSWORD = "Correct-horse-battery-7"


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
