"""What the tests of the master share."""

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher


@pytest.fixture(autouse=True)
def _few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rounds of PBKDF2, where make_user's hashes have one: fast, and such a hash is still one to upgrade."""
    monkeypatch.setattr(PBKDF2PasswordHasher, "iterations", 2)
