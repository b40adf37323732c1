"""The manage scripts of both sites, as an operator meets them on a host that is not set up yet."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("site", ["request", "response"])
def test_command_names_the_settings_that_lack_and_no_code_when_there_are_none(site: str, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / f"manage_{site}.py"), "cleanup"]
    done = subprocess.run(command, env={"AIRFERRY_HOME": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "DATABASE_URL: is not set." in done.stderr
    assert "Traceback" not in done.stderr
