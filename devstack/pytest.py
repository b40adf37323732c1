"""Run tests on real services: `python -m devstack.pytest [--coverage DIR] SITE... [pytest arguments]`.

SITE is one or more of plain, request, response, model, round_trip, or `all` of them. For `request` and `response`
a PostgreSQL cluster and a Valkey are started in a temporary folder and stopped afterwards, however the run
ends; runs of several people in one checkout don't meet. With `--coverage DIR` every process leaves its data
there.

Of several parts two run side by side where there are two processors, and what each prints follows when it has ended.
`round_trip` runs alone: it waits for real processes against deadlines.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

from devstack.environment import ROLE, SITES, make_folders, new_secrets, service_urls, without_ours
from devstack.errors import DevstackError
from devstack.postgres import Cluster, new_password
from devstack.processes import die_with_parent
from devstack.valkey import Valkey

ROOT = Path(__file__).resolve().parent.parent
# The longest first: side by side they then end at nearly the same time
PARTS = {
    "request": ["tests/common", "tests/request_site"],
    "response": ["tests/common", "tests/response_site"],
    "plain": ["tests/plain"],
    "model": ["tests/model"],
    "round_trip": ["tests/round_trip"],
}
_ALONE = {"round_trip"}
_LANES = min(2, os.cpu_count() or 1)
_NO_TESTS = 5  # pytest's exit code
_POLL_S = 0.2


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
    return _wait(process, signal.SIGINT)


def _wait(process: subprocess.Popen[bytes], signum: int) -> int:
    """The exit code, once `process` has ended. KeyboardInterrupt when this one was told to end meanwhile: then the
    other was, too, SIGTERM passed on as `signum`.
    """
    told = None
    while True:
        try:
            code = process.wait()
            break
        except KeyboardInterrupt as end:
            # Ctrl-C has reached it as well, a member of the terminal's process group: it is tidying up
            if isinstance(end, _TerminatedError):
                process.send_signal(signum)
            told = end
    if told is not None:
        raise told
    return code


class _TerminatedError(KeyboardInterrupt):
    """SIGTERM, which reaches this process alone."""


def _terminate(signum: int, frame: object) -> None:
    raise _TerminatedError


def run_parts(parts: Sequence[str], arguments: Sequence[str], coverage: Path | None = None) -> dict[str, int]:
    """Run several parts, `_LANES` side by side and those of `_ALONE` after them; each part's exit code.

    KeyboardInterrupt and SIGTERM end them all, tidily, before they are raised.
    """
    together = [part for part in parts if part not in _ALONE]
    codes = _run_side_by_side(together, arguments, coverage) if _LANES > 1 and len(together) > 1 else {}
    for part in parts:
        if part not in codes:
            print(f"== tests: {part}", flush=True)
            codes[part] = run_part(part, arguments, coverage)
    return {part: codes[part] for part in parts}


def _run_side_by_side(parts: Sequence[str], arguments: Sequence[str], coverage: Path | None) -> dict[str, int]:
    waiting, codes = list(parts), {}
    running: dict[str, tuple[subprocess.Popen[bytes], IO[bytes]]] = {}
    print(f"== tests: {', '.join(parts)}, {_LANES} side by side; what each says follows when it has ended", flush=True)
    try:
        while waiting or running:
            while waiting and len(running) < _LANES:
                part = waiting.pop(0)
                running[part] = _begin_part(part, arguments, coverage)
            for part in [part for part, (process, _) in running.items() if process.poll() is not None]:
                codes[part] = _tell(*running.pop(part))
            time.sleep(_POLL_S)
    except KeyboardInterrupt as end:
        for process, _ in running.values():
            if isinstance(end, _TerminatedError):
                process.terminate()
        for process, said in running.values():
            with suppress(KeyboardInterrupt):
                _wait(process, signal.SIGTERM)
            _tell(process, said)
        raise
    return codes


def _begin_part(
    part: str, arguments: Sequence[str], coverage: Path | None
) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    """A runner like this one for the part alone, and the file that takes what it prints."""
    command = [sys.executable, "-m", "devstack.pytest"]
    command += ["--coverage", str(coverage)] if coverage is not None else []
    said = tempfile.TemporaryFile()  # noqa: SIM115 - _tell closes it
    process = subprocess.Popen(
        [*command, part, *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=said,
        stderr=subprocess.STDOUT,
        preexec_fn=die_with_parent(),
    )
    return process, said


def _tell(process: subprocess.Popen[bytes], said: IO[bytes]) -> int:
    """Print what the ended runner said; its exit code."""
    with said:
        said.seek(0)
        shutil.copyfileobj(said, sys.stdout.buffer)
    sys.stdout.flush()
    return process.returncode


def main(arguments: list[str]) -> int:
    """Run the named parts; the first exit code that isn't 0, else 0."""
    signal.signal(signal.SIGTERM, _terminate)
    coverage = None
    if arguments[:1] == ["--coverage"] and len(arguments) > 1:
        coverage = Path(arguments[1]).resolve()
        coverage.mkdir(parents=True, exist_ok=True)
        arguments = arguments[2:]
    parts = []
    while arguments and arguments[0] in {*PARTS, "all"}:
        word = arguments.pop(0)
        parts += list(PARTS) if word == "all" else [word]
    if not parts:
        print(__doc__, file=sys.stderr)
        return 2
    parts = list(dict.fromkeys(parts))
    try:
        results = run_parts(parts, arguments, coverage)
    except DevstackError as error:
        print(f"devstack: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    if len(parts) > 1:
        if not arguments:
            results = {part: 0 if code == _NO_TESTS else code for part, code in results.items()}
        print("== " + ", ".join(f"{part}: {'ok' if code == 0 else f'exit {code}'}" for part, code in results.items()))
    return next((code for code in results.values() if code != 0), 0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
