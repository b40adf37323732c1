"""Submit a request over HTTP, against a bare DRF view on the same database, both under gunicorn with the same options.

The request site's worker and watcher are held meanwhile, so that both sides have the machine to themselves.
"""

import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench.load import flood, make_call, pace
from bench.measure import RUNS, Ratio, alternate
from devstack.home import ROOT, Site
from devstack.namespaces import reaches
from devstack.processes import die_with_parent, end_process, wait_until
from devstack.supervisor import process_commands
from devstack.valkey import free_port

SECONDS = 4.0
BODY = {
    "query_type": "match",
    "query_params": {"index": "contracts", "query": {"match": {"title": "flood control"}}, "size": 10},
}


def run(site: Site, token: str) -> list[Ratio]:
    """Requests a second of both, and the latency at 1,000 a minute."""
    ours = make_call("/api/v1/requests/", site.port, token, BODY)
    with bare_view(site) as port:
        bare = make_call("/notes/", port, token, BODY)
        figures, reference = alternate(
            RUNS, lambda: flood(site.port, ours, SECONDS), lambda: flood(port, bare, SECONDS)
        )
        latencies = pace(site.port, ours, a_minute=1000, seconds=15)
    a_minute = statistics.median(figures) * 60
    p95 = statistics.quantiles(latencies, n=20)[-1]
    return [
        Ratio(
            what="submit a request (auth, validation, insert, audit)",
            unit="req/s",
            reference_is="a bare DRF view: JWT, serializer, one insert",
            ours=figures,
            reference=reference,
            target=">= 0.6",
            limit=0.6,
            notes={
                "requests_a_minute": f"{a_minute:,.0f} (target >= 15,000: {_verdict(a_minute >= 15000)})",
                "p95_ms_at_1000_a_minute": f"{p95:.1f} (target < 50: {_verdict(p95 < 50)})",
            },
        )
    ]


@contextmanager
def bare_view(site: Site) -> Iterator[int]:
    """The reference's server: its port."""
    port = free_port()
    environment = site.environment | {"DJANGO_SETTINGS_MODULE": "bench.bare.settings"}
    migrate = [sys.executable, "-m", "django", "migrate", "--run-syncdb", "--skip-checks", "--verbosity", "0"]
    subprocess.run(migrate, cwd=ROOT, env=environment, check=True)
    theirs = f"127.0.0.1:{site.port}"
    command = [
        {theirs: f"127.0.0.1:{port}", "request_site.wsgi:application": "bench.bare.wsgi:application"}.get(word, word)
        for word in process_commands(site)["web"]
    ]
    with (site.logs / "bare.log").open("ab") as log:
        server = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=log, stderr=log, preexec_fn=die_with_parent()
        )
    try:
        if not wait_until(lambda: reaches(port), timeout_s=60):
            raise AssertionError(f"the bare view did not start: see {site.logs / 'bare.log'}")
        yield port
    finally:
        end_process(server)


def _verdict(met: bool) -> str:
    return "met" if met else "NOT met"
