"""A load generator that costs as little as it can, since it shares the cores with what it measures."""

import json
import socket
import threading
import time
from typing import Any

CONNECTIONS = 8


def make_call(path: str, port: int, token: str, body: dict[str, Any]) -> bytes:
    """The bytes of one POST."""
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def flood(port: int, call: bytes, seconds: float) -> float:
    """Calls a second over 8 connections, one call after the other on each. Raises AssertionError unless all are 201."""
    counts = [0] * CONNECTIONS
    faults: list[str] = []
    deadline = time.perf_counter() + seconds

    def work(number: int) -> None:
        try:
            with Connection(port) as connection:
                while time.perf_counter() < deadline:
                    connection.send(call)
                    counts[number] += 1
        except Exception as error:  # raised again below, where somebody sees it
            faults.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(CONNECTIONS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise AssertionError(faults[0])
    return sum(counts) / (time.perf_counter() - began)


def pace(port: int, call: bytes, a_minute: int, seconds: float) -> list[float]:
    """Latencies in milliseconds of calls sent at an even pace, whatever the answers take."""
    taken: list[float] = []
    every = 60 / a_minute
    with Connection(port) as connection:
        due = time.perf_counter()
        for _ in range(int(seconds / every)):
            time.sleep(max(0.0, due - time.perf_counter()))
            # from when it was due, so that a slow answer counts for those that wait behind it
            connection.send(call)
            taken.append((time.perf_counter() - due) * 1000)
            due += every
    return taken


class Connection:
    """One keep-alive connection; it is opened anew when the server has closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()

    def send(self, call: bytes) -> None:
        """One call and its answer. Raises AssertionError unless it is 201, OSError when nobody answers."""
        try:
            self._socket.sendall(call)
            head, body = self._read_head()
        except ConnectionError:
            self._socket.close()
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=30)
            self._socket.sendall(call)
            head, body = self._read_head()
        if not head.startswith(b"HTTP/1.1 201"):
            raise AssertionError((head + body)[:600].decode(errors="replace"))
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += self._socket.recv(65536)

    def _read_head(self) -> tuple[bytes, bytes]:
        answer = b""
        while b"\r\n\r\n" not in answer:
            block = self._socket.recv(65536)
            if not block:
                raise ConnectionError("closed")
            answer += block
        head, _, body = answer.partition(b"\r\n\r\n")
        return head, body
