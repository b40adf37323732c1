"""`make bench`: every ratio beside its reference, medians of 5 runs (3 of the long ones); writes bench/results.json.

`python -m bench PART...` runs only those parts, and writes nothing.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from bench import bundles, cycle, holdings, memory, submit, users, volume
from bench.measure import Ratio
from devstack import stack
from devstack.api import login
from devstack.carry import carry
from devstack.home import ROOT, Home, Site
from devstack.processes import PidFile, end_running
from devstack.valkey import free_port

# Those that need no site come first.
PARTS = ("bundles", "memory", "submit", "volume", "holdings", "cycle", "claim", "users")
RESULTS = ROOT / "bench" / "results.json"


def main(arguments: list[str]) -> int:
    """Run the parts; 0 whatever the ratios say, since a benchmark is no test."""
    parts = set(arguments or PARTS)
    if not parts <= set(PARTS):
        print(f"usage: python -m bench [{'] ['.join(PARTS)}]", file=sys.stderr)
        return 2
    began = time.monotonic()
    print(f"bench: {os.cpu_count()} cores, Python {platform.python_version()}; absolute figures drift, ratios count\n")
    ratios: list[Ratio] = []

    def keep(found: list[Ratio]) -> None:
        for ratio in found:
            print(f"{ratio}\n", flush=True)
        ratios.extend(found)

    if "bundles" in parts:
        keep(bundles.run())
    if "memory" in parts:
        keep(memory.run())
    if not parts - {"bundles", "memory"}:
        return 0
    with tempfile.TemporaryDirectory(prefix="airferry-bench-") as folder:
        Path(folder).chmod(0o711)
        home = Home.at(Path(folder), {"request": free_port(), "response": free_port()}, transient=True)
        stack.start(home)
        try:
            for site in (home.response, home.request, home.response):
                carry(home, site)
            with quiet(home):
                admin = home.admin()
                answer = login(home.request.address, admin["username"], admin["password"])
                if "submit" in parts:
                    keep(submit.run(home.request, answer.body["access"]))
                    _forget(home.request)
                if "volume" in parts:
                    keep(volume.run(home))
                if "holdings" in parts:
                    keep(holdings.run(home))
                if "cycle" in parts:
                    keep(cycle.run(home))
                if "claim" in parts:
                    keep([claim(site) for site in home.sites])
                if "users" in parts:
                    keep(users.run(home))
        finally:
            stack.stop(home)
    if arguments:
        return 0
    RESULTS.write_text(
        json.dumps(
            {
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "cores": os.cpu_count(),
                "python": platform.python_version(),
                "ratios": [ratio.as_row() for ratio in ratios],
            },
            indent=2,
        )
        + "\n"
    )
    print(f"{len(ratios)} ratios in {time.monotonic() - began:.0f} s; written to {RESULTS.relative_to(ROOT)}")
    return 0


@contextmanager
def quiet(home: Home) -> Iterator[None]:
    """The sites' workers, watchers and beat are held: nothing but what is measured runs."""
    for site in home.sites:
        for name in ("worker", "watcher", "beat"):
            (site.run / f"{name}.hold").touch()
            process = PidFile(site.run / f"{name}.pid").read()
            if process is not None:
                end_running(process)
    yield


def claim(site: Site) -> Ratio:
    """The site's claim of 500, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.claim"],
        cwd=ROOT,
        env=site.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise AssertionError(done.stderr[-2000:])
    figures = json.loads(done.stdout.splitlines()[-1])
    return Ratio(
        what=f"claim 500 of 1,000,000 {'requests to export' if site.name == 'request' else 'requests to execute'}",
        unit="ms",
        reference_is="the same claim of a table with 500 rows",
        ours=figures["full"],
        reference=figures["empty"],
        target="<= 1.5",
        limit=1.5,
        at_least=False,
    )


def _forget(site: Site) -> None:
    """What the submitting left is not carried: the cycle begins with an empty table."""
    with site.connect() as connection:
        connection.execute("TRUNCATE requests CASCADE")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
