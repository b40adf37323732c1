"""Run tests on real services: `python -m devstack.pytest [--coverage DIR] SITE... [pytest arguments]`.

SITE is one or more of plain, request, response, round_trip, model, or `all` of them. For `request` and `response`
a PostgreSQL cluster and a Valkey are started in a temporary folder and stopped afterwards, however the run
ends; runs of several people in one checkout don't meet. With `--coverage DIR` every process leaves its data
there.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from devstack.environment import ROLE, SITES, make_folders, new_secrets, service_urls, without_ours
from devstack.errors import DevstackError
from devstack.postgres import Cluster, new_password
from devstack.processes import die_with_parent
from devstack.valkey import Valkey

ROOT = Path(__file__).resolve().parent.parent
PARTS = {
    "plain": ["tests/plain"],
    "request": ["tests/common", "tests/request_site"],
    "response": ["tests/common", "tests/response_site"],
    "round_trip": ["tests/round_trip"],
    "model": ["tests/model"],
}
_NO_TESTS = 5  # pytest's exit code


def run_part(part: str, arguments: Sequence[str], coverage: Path | None = None) -> int:
    """Run one part's tests, or those of the paths among `arguments`; pytest's exit code."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="airferry-test-")))
        home.chmod(0o711)  # PostgreSQL's account passes through
        environment = without_ours(os.environ) | {"AIRFERRY_HOME": str(home), "PYTHONUNBUFFERED": "1"}
        if part in SITES:
            environment |= _start_services(stack, part, home)
        command = [sys.executable, "-m"]
        if coverage is not None:
            settings = ROOT / "pyproject.toml"
            environment |= {
                "COVERAGE_FILE": str(coverage / "combined"),
                "COVERAGE_PROCESS_START": str(settings),
            }
            command += ["coverage", "run", f"--rcfile={settings}", "-m"]
        command += ["pytest", "--import-mode=importlib", "--timeout=300"]
        if part not in SITES:
            command += ["-p", "no:django"]
        command += arguments
        if not any((ROOT / argument.split("::")[0]).exists() for argument in arguments if argument[:1] != "-"):
            command += [folder for folder in PARTS[part] if (ROOT / folder).is_dir()]
        return _run(command, environment)


def _start_services(stack: ExitStack, site: str, home: Path) -> dict[str, str]:
    password = new_password()
    cluster = Cluster(home / "postgres", durable=False)
    valkey = Valkey(home / "valkey", new_password(), durable=False)
    stack.callback(cluster.stop)
    stack.callback(valkey.stop)
    cluster.start()
    cluster.ensure_role(ROLE, password, database=ROLE, create_databases=True)
    valkey.start()
    return {
        **new_secrets(),
        **make_folders(home / site),
        **service_urls(cluster, valkey, password=password, database=ROLE),
        "SEARCH_DIR": str(home / site / "data" / "search"),
        "ALLOWED_HOSTS": "localhost,127.0.0.1,testserver",
        "HTTPS_ONLY": "false",
        "DJANGO_SETTINGS_MODULE": f"{site}_site.settings",
    }


def _run(command: list[str], environment: dict[str, str]) -> int:
    process = subprocess.Popen(command, cwd=ROOT, env=environment, preexec_fn=die_with_parent(signal.SIGINT))
    while True:
        try:
            return process.wait()
        except _TerminatedError:
            process.send_signal(signal.SIGINT)
        except KeyboardInterrupt:
            # Ctrl-C has reached pytest as well, a member of the terminal's process group: it is tidying up
            continue


class _TerminatedError(KeyboardInterrupt):
    """SIGTERM, which reaches this process alone."""


def _terminate(signum: int, frame: object) -> None:
    raise _TerminatedError


def main(arguments: list[str]) -> int:
    """Run the named parts one after the other; the first exit code that isn't 0, else 0."""
    signal.signal(signal.SIGTERM, _terminate)
    coverage = None
    if arguments[:1] == ["--coverage"] and len(arguments) > 1:
        coverage = Path(arguments[1]).resolve()
        shutil.rmtree(coverage, ignore_errors=True)
        coverage.mkdir(parents=True)
        arguments = arguments[2:]
    parts = []
    while arguments and arguments[0] in {*PARTS, "all"}:
        word = arguments.pop(0)
        parts += list(PARTS) if word == "all" else [word]
    if not parts:
        print(__doc__, file=sys.stderr)
        return 2
    results = {}
    try:
        for part in parts:
            print(f"== tests: {part}", flush=True)
            code = run_part(part, arguments, coverage)
            results[part] = 0 if code == _NO_TESTS and len(parts) > 1 and not arguments else code
    except DevstackError as error:
        print(f"devstack: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    if len(parts) > 1:
        print("== " + ", ".join(f"{part}: {'ok' if code == 0 else f'exit {code}'}" for part, code in results.items()))
    return next((code for code in results.values() if code != 0), 0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
