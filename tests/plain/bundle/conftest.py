"""Fixtures of the bundle tests."""

from pathlib import Path

import pytest

from common_apps.transfer.bundle.keypairs import Kem
from tests.plain.bundle.workshop import Workshop


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """Both sites, with X25519 box keys."""
    return Workshop(tmp_path)


@pytest.fixture(params=list(Kem))
def each_workshop(request: pytest.FixtureRequest, tmp_path: Path) -> Workshop:
    """Both sites, once a kem."""
    return Workshop(tmp_path, request.param)
