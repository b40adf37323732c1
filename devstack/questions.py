"""What the demo asks, and whether the answers are right: questions.json."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devstack.api import Answer, call
from devstack.errors import DevstackError


@dataclass(frozen=True)
class Question:
    """A request body, and what its answer must hold: [{at: JSON pointer, value, within?}]; None: it must fail."""

    title: str
    query_type: str
    query_params: dict[str, Any]
    expect: list[dict[str, Any]] | None

    @property
    def body(self) -> dict[str, Any]:
        return {"query_type": self.query_type, "query_params": self.query_params}


def read_questions() -> list[Question]:
    """Those to be answered, and last the one that only fails in execution."""
    said = json.loads(Path(__file__).with_name("questions.json").read_text())
    asked = [Question(one["title"], one["query_type"], one["query_params"], one["expect"]) for one in said["questions"]]
    failing = said["failing"]
    return [*asked, Question(failing["title"], failing["query_type"], failing["query_params"], None)]


def submit(address: str, token: str, questions: list[Question]) -> list[str]:
    """POST each; their ids. Raises DevstackError when one is refused."""
    ids = []
    for question in questions:
        answer = call("POST", f"{address}/api/v1/requests/", question.body, token)
        if answer.status != 201:
            raise DevstackError(f"“{question.title}” was refused with {answer.status}: {answer.body}")
        ids.append(answer.body["id"])
    return ids


def collect(address: str, token: str, ids: list[str]) -> list[Answer]:
    """GET each result, as it stands."""
    return [call("GET", f"{address}/api/v1/requests/{one}/result/", token=token) for one in ids]


def statuses(address: str, token: str, ids: list[str]) -> list[str]:
    """The state of each request."""
    return [call("GET", f"{address}/api/v1/requests/{one}/", token=token).body["status"] for one in ids]


def at_pointer(document: Any, pointer: str) -> Any:
    """The value at an RFC 6901 pointer; None where there is none."""
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(document, list) and name.isdigit() and int(name) < len(document):
            document = document[int(name)]
        elif isinstance(document, dict):
            document = document.get(name)
        else:
            return None
    return document


def faults(question: Question, answer: Answer) -> list[str]:
    """What is wrong with an answer; an empty list when it is as expected."""
    if question.expect is None:
        failed = answer.status == 409 and isinstance(answer.body, dict) and answer.body.get("code") == "request_failed"
        return [] if failed else [f"should have failed, but was answered with {answer.status}: {answer.body}"]
    if answer.status != 200:
        return [f"answered with {answer.status}: {answer.body}"]
    wrong = []
    for one in question.expect:
        got = at_pointer(answer.body["result"], one["at"])
        if not _same(got, one["value"], one.get("within")):
            wrong.append(f"{one['at']} is {got!r}, expected {one['value']!r}")
    return wrong


def summary(question: Question, answer: Answer) -> str:
    """An answer in a few words: what was to be checked, or why it failed."""
    if question.expect is None:
        body = answer.body or {}
        return f"failed: {body.get('detail') or body.get('title')}"
    first = question.expect[-1] if question.query_type == "aggregation" else question.expect[0]
    value = at_pointer(answer.body["result"], first["at"])
    shown = f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
    what = "hits" if first["at"] == "/hits/total/value" else first["at"].removeprefix("/aggregations/")
    return f"{shown} {what}"


def _same(got: Any, expected: Any, within: float | None) -> bool:
    if isinstance(expected, float) or within is not None:
        numeric = isinstance(got, int | float) and not isinstance(got, bool)
        return numeric and math.isclose(got, expected, rel_tol=1e-12, abs_tol=within or 0.0)
    return bool(got == expected)
