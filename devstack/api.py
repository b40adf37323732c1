"""The HTTP API of a site, as any client uses it."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """Status, body (parsed, or None), and headers by lower-case name."""

    status: int
    body: Any
    headers: dict[str, str]


def call(method: str, url: str, body: Any = None, token: str | None = None, timeout_s: float = 30.0) -> Answer:
    """One call; an HTTP error is an answer, too. Raises OSError when nobody answers."""
    request = urllib.request.Request(url, method=method)  # noqa: S310 - our own http addresses
    data = None
    if body is not None:
        data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, data, timeout=timeout_s) as response:  # noqa: S310
            return _answer(response.status, response.read(), response.headers)
    except urllib.error.HTTPError as error:
        return _answer(error.code, error.read(), error.headers)


def ready(address: str) -> bool:
    """Whether /health/ready says so."""
    try:
        return call("GET", f"{address}/health/ready", timeout_s=10).status == 200
    except OSError:
        return False


def login(address: str, username: str, password: str) -> Answer:
    """POST auth/token/."""
    return call("POST", f"{address}/api/v1/auth/token/", {"username": username, "password": password})


def _answer(status: int, raw: bytes, headers: Any) -> Answer:
    try:
        body = json.loads(raw)
    except ValueError:
        body = None
    return Answer(status, body, {name.lower(): value for name, value in headers.items()})
