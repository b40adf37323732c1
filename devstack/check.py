"""`make check`: what holds the house together, all of it, even after a failure; exit code 1 when any part failed.

Nothing is started. The sites' settings get throwaway secrets and folders that exist only during the run.
"""

import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from common_apps.transfer.keys import KeyFolder
from devstack.environment import SITES, make_folders, new_secrets, without_ours
from devstack.home import ROOT

TYPED = ("common_apps", "devstack", "manage_request.py", "manage_response.py")


def checks() -> list[tuple[str, list[str], str | None]]:
    """(name, command, site whose settings it needs)."""
    python = [sys.executable]
    tools = Path(sys.executable).parent
    found: list[tuple[str, list[str], str | None]] = [
        ("ruff check", [str(tools / "ruff"), "check", "."], None),
        ("ruff format", [str(tools / "ruff"), "format", "--check", "."], None),
        ("import contracts", [str(tools / "lint-imports"), "--no-cache"], None),
        # The plugin asks Django for the models, so what a site alone has is checked under that site's settings.
        ("mypy, response site", [str(tools / "mypy"), *TYPED, "response_site"], "response"),
        ("mypy, request site", [str(tools / "mypy"), "--cache-dir=.mypy_cache/request", "request_site"], "request"),
        ("settings page in step", [*python, "-m", "common_apps.conf.table", "--check"], None),
    ]
    for site in SITES:
        # the database isn't there, of which makemigrations warns
        manage = [*python, "-W", "ignore::RuntimeWarning", f"manage_{site}.py"]
        found += [
            (f"{site} site: migrations up to date", [*manage, "makemigrations", "--check", "--dry-run"], site),
            (f"{site} site: check --deploy", [*manage, "check", "--deploy", "--fail-level", "WARNING"], site),
        ]
    return found


def throwaway_environment(site: str, home: Path) -> dict[str, str]:
    """What a production host of `site` would set, pointing nowhere."""
    return {
        **new_secrets(),
        **make_folders(home / site),
        "DATABASE_URL": "postgres://nobody:nothing@127.0.0.1:1/none",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "CACHE_URL": "redis://127.0.0.1:1/1",
        "ALLOWED_HOSTS": "airferry.invalid",
        "DJANGO_SETTINGS_MODULE": f"{site}_site.settings",
    }


def exchange_throwaway_keys(home: Path) -> None:
    """Both sites have keys and trust each other, as a deployment that is checked has and does."""
    folders = {site: KeyFolder(Path(make_folders(home / site)["KEY_DIR"])) for site in SITES}
    for site, folder in folders.items():
        folder.generate(site=site, created_at=datetime.now(UTC))
    for site, folder in folders.items():
        for other in folders:
            if other != site:
                folder.trust(folders[other].public_keys())


def main() -> int:
    """Run them one after the other."""
    failed = []
    with tempfile.TemporaryDirectory(prefix="airferry-check-") as folder:
        home = Path(folder)
        exchange_throwaway_keys(home)
        for name, command, site in checks():
            environment = without_ours(os.environ) | {"AIRFERRY_HOME": folder}
            if site is not None:
                environment |= throwaway_environment(site, home)
            began = time.monotonic()
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                stdin=subprocess.DEVNULL,
            )
            verdict = "ok" if done.returncode == 0 else f"FAILED (exit {done.returncode})"
            print(f"{name:40} {verdict}  {time.monotonic() - began:.1f} s", flush=True)
            if done.returncode != 0:
                failed.append(name)
                print((done.stdout + done.stderr).rstrip(), flush=True)
    print(f"check: {', '.join(failed)} failed" if failed else "check: all is well")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
