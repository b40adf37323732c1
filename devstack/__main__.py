"""`python -m devstack {start,carry,stop,logs,demo,airgap}`: what the make targets run."""

import signal
import subprocess
import sys

from devstack import airgap, demo, stack
from devstack.carry import round_trip
from devstack.errors import DevstackError
from devstack.home import Home


def start() -> int:
    """Both sites in the background with the sample contracts and one trip made; prints where they are."""
    home = Home.from_environment()
    with stack.locked(home):
        if stack.is_running(home):
            print("both sites run already")
        else:
            stack.start(home)
            for line in _trip_lines(home):
                print(line)
    for site in home.sites:
        print(f"{site.name:9} {site.address}/   admin {site.address}/admin/   API {site.address}/api/docs/")
    print(f"log in on either with what {home.admin_file} says")
    return 0


def carry() -> int:
    """One trip both ways, waiting for the answers."""
    home = _running_home()
    with stack.locked(home):
        for line in _trip_lines(home):
            print(line)
    return 0


def stop() -> int:
    """End both sites. What they know stays under AIRFERRY_HOME."""
    home = Home.from_environment()
    with stack.locked(home):
        print("stopped" if stack.stop(home) else "nothing was running")
    return 0


def logs() -> int:
    """Follow every log of both sites until Ctrl-C."""
    home = Home.from_environment()
    files = sorted(str(file) for site in home.sites for file in site.logs.glob("*.log"))
    if not files:
        raise DevstackError(f"No logs under {home.path}: run `make start` first.")
    try:
        return subprocess.run(["tail", "-n", "20", "-F", *files], check=False).returncode
    except KeyboardInterrupt:
        return 0


def _running_home() -> Home:
    home = Home.from_environment()
    if not stack.is_running(home):
        raise DevstackError("The sites don't run: `make start` first.")
    return home


def _trip_lines(home: Home) -> list[str]:
    out, waited, back = round_trip(home)
    return [f"carried {out}", f"executed in {waited:.1f} s", f"carried {back}"]


COMMANDS = {"start": start, "carry": carry, "stop": stop, "logs": logs, "demo": demo.main, "airgap": airgap.main}


def main(arguments: list[str]) -> int:
    """Run one command; 1 with the reason on standard error when it fails, 2 when there is no such command."""
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        print(f"usage: python -m devstack {{{','.join(COMMANDS)}}}", file=sys.stderr)
        return 2
    # ended from outside: tidy up as after Ctrl-C
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return COMMANDS[arguments[0]]()
    except DevstackError as error:
        print(f"devstack: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("devstack: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
