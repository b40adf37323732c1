"""`make demo`: both sites, a real crossing there and back, every answer checked; everything is gone afterwards."""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from devstack import stack
from devstack.api import login
from devstack.carry import carry, wait_for_answers
from devstack.errors import DevstackError
from devstack.home import DEFAULT_PORTS, Home
from devstack.questions import Question, collect, faults, read_questions, statuses, submit, summary
from devstack.valkey import free_port


def main() -> int:
    """Run the demo in a temporary home; 1 when anything is lost or wrong."""
    ports = {}
    for name in DEFAULT_PORTS:
        # a running `make start`, or anything else, isn't disturbed: only what was asked for by name is insisted on
        wanted = os.environ.get(f"{name.upper()}_PORT")
        ports[name] = int(wanted) if wanted and wanted.isdigit() else free_port()
    return run("demo", ports)


def run(
    name: str, ports: dict[str, int], *, isolated: bool = False, check: Callable[[Home], None] | None = None
) -> int:
    """The round trip in a temporary home, ending "`name`: N of N answered". `check` sees the sites once they run."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f"airferry-{name}-") as folder:
        Path(folder).chmod(0o711)  # for PostgreSQL's account
        home = Home.at(Path(folder), ports, isolated=isolated, transient=True)

        def tell(text: str) -> None:
            print(f"[{time.monotonic() - began:5.1f} s] {text}", flush=True)

        try:
            tell(f"two sites in {folder}, each with its own PostgreSQL, Valkey and keys")
            stack.start(home, tell)
            for site in home.sites:
                tell(f"the {site.name} site is ready on {site.address}")
            if check is not None:
                check(home)
            answered, asked = cross(home, tell)
        finally:
            stack.stop(home)
    print(f"everything stopped and removed after {time.monotonic() - began:.1f} s")
    print(f"{name}: {answered} of {asked} answered")
    return 0 if answered == asked else 1


def cross(home: Home, tell: Callable[[str], None]) -> tuple[int, int]:
    """People over, questions there, answers back: (answered right, asked)."""
    token = _people(home, tell)
    request = home.request
    questions = read_questions()
    began = time.monotonic()
    ids = request.call(submit, request.address, token, questions)
    tell(f"asked {len(ids)} questions of the request site in {time.monotonic() - began:.1f} s; all are pending")
    tell(f"carried {carry(home, home.request)}")
    waited = wait_for_answers(home)
    tell(f"executed on the response site {waited:.1f} s later; on the request site nobody knows yet")
    states = request.call(statuses, request.address, token, ids)
    if set(states) - {"exported", "processing", "queued", "pending"}:
        raise DevstackError(f"Before the answers were carried the requests were already {sorted(set(states))}.")
    tell(f"carried {carry(home, home.response)}")
    answers = request.call(collect, request.address, token, ids)
    right = 0
    for question, answer in zip(questions, answers, strict=True):
        wrong = faults(question, answer)
        print(f"  {question.query_type:11}  {question.title}")
        print(f"  {'':11}  -> {'WRONG: ' + '; '.join(wrong) if wrong else summary(question, answer)}")
        right += not wrong
    states = request.call(statuses, request.address, token, ids)
    return _count(questions, right, states, tell)


def _people(home: Home, tell: Callable[[str], None]) -> str:
    """The admin of the response site gets in on the request site after one carry, and not before: a token."""
    admin, request = home.admin(), home.request
    before = request.call(login, request.address, admin["username"], admin["password"])
    if before.status != 401:
        raise DevstackError(f"Before any carry the admin's login on the request site gave {before.status}, not 401.")
    tell(f"before a carry the admin can't log in on the request site: 401 {before.body['code']}")
    tell(f"carried {carry(home, home.response)}")
    after = request.call(login, request.address, admin["username"], admin["password"])
    if after.status != 200:
        raise DevstackError(f"After the carry the admin's login gave {after.status}: {after.body}")
    tell("now the admin logs in there, with the password given on the response site")
    return str(after.body["access"])


def _count(questions: list[Question], right: int, states: list[str], tell: Callable[[str], None]) -> tuple[int, int]:
    """The question that is to fail is no answer: it isn't counted, but it must have failed."""
    asked = sum(question.expect is not None for question in questions)
    failing = len(questions) - asked
    tell(f"states: {states.count('completed')} completed, {states.count('failed')} failed as it should")
    sound = states.count("completed") == asked and states.count("failed") == failing
    if right == len(questions) and sound:
        return asked, asked
    return min(right, asked - 1), asked
