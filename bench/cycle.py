"""A cycle of 10,000 requests: first export to last readable, each site's services in a process of its own.

Carrying is not counted. The reference is the bare work of each part: claim + COPY + UPDATE, COPY into the same tables,
the engine's msearch. The sites' own workers are held meanwhile.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench.measure import Ratio
from bench.memory import peak
from devstack.home import ROOT, Home, Site
from devstack.processes import die_with_parent, end_process

COUNT = 10_000
# Each takes a minute.
LONG_RUNS = 3


class Driver:
    """A site's process."""

    def __init__(self, process: "subprocess.Popen[str]", name: str) -> None:
        self._process = process
        self._name = name

    def do(self, step: str, **arguments: Any) -> dict[str, Any]:
        """One step: what it says, `ms` among it. Raises AssertionError when it ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": step, **arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f"the {self._name} site's process ended in `{step}`: see bench.log in its logs")
        said: dict[str, Any] = json.loads(line)
        return said

    def peak(self) -> int:
        """The most bytes of memory that it has had at once."""
        return peak(self._process.pid)


def run(home: Home) -> list[Ratio]:
    """The cycle's milliseconds against its reference's."""
    [(user,)] = home.response.query("SELECT id::text FROM users WHERE role = 'admin' LIMIT 1")
    figures: list[float] = []
    reference: list[float] = []
    parts: dict[str, list[float]] = {}
    with drive(home.request) as request, drive(home.response) as response:
        for turn in range(LONG_RUNS + 1):
            first = 1_000_000 + turn * 2 * COUNT
            timed = cycle(request, response, user, first)
            bare = reference_of(request, response, user, first)
            if turn == 0:  # a warm-up
                continue
            figures.append(sum(timed.values()))
            reference.append(sum(bare.values()))
            for name, took in timed.items():
                parts.setdefault(name, []).append(took)
    medians = {name: f"{sorted(taken)[len(taken) // 2]:.0f} ms" for name, taken in parts.items()}
    return [
        Ratio(
            what=f"a cycle of {COUNT:,} requests, first export to last readable",
            unit="ms",
            reference_is="claim + COPY + UPDATE, COPY in, msearch, COPY in, claim + COPY + UPDATE, COPY in",
            ours=figures,
            reference=reference,
            target="<= 2.0",
            limit=2.0,
            at_least=False,
            notes={"parts": ", ".join(f"{name} {took}" for name, took in medians.items())},
        )
    ]


def cycle(request: Driver, response: Driver, user: str, first: int) -> dict[str, float]:
    """Milliseconds of each hop."""
    before = request.do("readable")["completed"]
    request.do("submit", count=COUNT, user=user, first=first)
    out = request.do("export", stream="requests")
    came = response.do("import", paths=out["paths"])
    executed = response.do("execute")
    back = response.do("export", stream="results")
    arrived = request.do("import", paths=back["paths"])
    done = request.do("readable")
    if done["completed"] - before != COUNT:
        raise AssertionError(f"{done['completed'] - before} of {COUNT} were answered")
    return {
        "export": out["ms"],
        "import": came["ms"],
        "execute": executed["ms"],
        "export of answers": back["ms"],
        "import of answers": arrived["ms"],
    }


def reference_of(request: Driver, response: Driver, user: str, first: int) -> dict[str, float]:
    """Milliseconds of the bare work."""
    request.do("submit", count=COUNT, user=user, first=first + COUNT)
    bare = {
        "export": request.do("reference_export", count=COUNT)["ms"],
        "import": response.do("reference_import", count=COUNT)["ms"],
        "execute": response.do("reference_execute", count=COUNT, first=first)["ms"],
        "results": response.do("reference_results", count=COUNT)["ms"],
        "import of answers": request.do("reference_import", count=COUNT)["ms"],
    }
    # those that were only pending for the reference go, or they would be in the next cycle
    request.do("forget")
    return bare


@contextmanager
def drive(site: Site) -> Iterator[Driver]:
    """The site's process, for as long as the block takes."""
    with (site.logs / "bench.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.site_process"],
            cwd=ROOT,
            env=site.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            preexec_fn=die_with_parent(),
        )
    try:
        yield Driver(process, site.name)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        end_process(process)  # type: ignore[arg-type]  # text or bytes, it is only ended
