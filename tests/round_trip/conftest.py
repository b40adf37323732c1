"""Real processes of both sites. No Django here: everything is asked from outside, as people and programs do."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A temporary folder that PostgreSQL's account may pass through, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="airferry-test-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder
